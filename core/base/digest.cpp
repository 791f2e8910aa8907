// A thin cover of libxxhash's XXH3-128.
#include "core/base/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <new>

namespace lockstep {

void DigestBuilder::Free::operator()(XXH3_state_s* state) const noexcept { XXH3_freeState(state); }

DigestBuilder::DigestBuilder() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
}

DigestBuilder& DigestBuilder::update(std::span<const std::byte> bytes) {
    if (!bytes.empty()) XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
    return *this;
}

DigestBuilder& DigestBuilder::update(std::string_view text) {
    return update(std::as_bytes(std::span<const char>(text)));
}

Digest128 DigestBuilder::digest() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {hash.high64, hash.low64};
}

Digest128 digest_of(std::span<const std::byte> bytes) {
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    return {hash.high64, hash.low64};
}

std::string Digest128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

std::array<std::byte, 16> Digest128::canonical() const {
    std::array<std::byte, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[i] = static_cast<std::byte>(high >> (56 - 8 * i));
        bytes[8 + i] = static_cast<std::byte>(low >> (56 - 8 * i));
    }
    return bytes;
}

Digest128 Digest128::from_canonical(const std::array<std::byte, 16>& bytes) {
    Digest128 digest;
    for (std::size_t i = 0; i < 8; ++i) {
        digest.high = digest.high << 8 | std::to_integer<std::uint64_t>(bytes[i]);
        digest.low = digest.low << 8 | std::to_integer<std::uint64_t>(bytes[8 + i]);
    }
    return digest;
}

}  // namespace lockstep
