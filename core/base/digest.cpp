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

}  // namespace lockstep
