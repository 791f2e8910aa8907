// 128-bit digests of memory: XXH3 by Yann Collet, as libxxhash computes it.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

struct XXH3_state_s;  // of xxhash.h

namespace lockstep {

/// An XXH3-128 value with seed 0. It guards against accidents, not against forgers.
struct Digest128 {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    auto operator<=>(const Digest128&) const = default;
    /// 32 hex digits, the canonical form that xxhsum -H128 prints.
    [[nodiscard]] std::string hex() const;
    /// The same as 16 bytes, the most significant first, as files hold it.
    [[nodiscard]] std::array<std::byte, 16> canonical() const;
    static Digest128 from_canonical(const std::array<std::byte, 16>& bytes);
};

/// A digest built from pieces: the same as that of their concatenation.
class DigestBuilder {
  public:
    DigestBuilder();
    DigestBuilder& update(std::span<const std::byte> bytes);
    /// The values' bytes as they lie in memory (little endian: x86-64 only).
    template <class T>
    requires std::is_arithmetic_v<T> DigestBuilder& update(std::span<const T> values) {
        return update(std::as_bytes(values));
    }
    DigestBuilder& update(std::string_view text);
    DigestBuilder& update(std::uint64_t value) { return update(std::span<const std::uint64_t>(&value, 1)); }
    /// The digest of what has been given so far; more may follow.
    [[nodiscard]] Digest128 digest() const;

  private:
    struct Free {
        void operator()(XXH3_state_s* state) const noexcept;
    };
    std::unique_ptr<XXH3_state_s, Free> state_;
};

/// The digest of the values' bytes.
Digest128 digest_of(std::span<const std::byte> bytes);
template <class T>
requires std::is_arithmetic_v<T> Digest128 digest_of(std::span<const T> values) {
    return digest_of(std::as_bytes(values));
}

}  // namespace lockstep
