// Rounding to bf16, on one value: the definition that every vector version must reproduce.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace lockstep::scalar {

/// The bf16 nearest to `value`, ties to the even one, as its 16 bits. Denormals become zeros of their sign,
/// as AMX reads them; a NaN stays a NaN (its payload is cut, and the quiet bit set).
inline std::uint16_t to_bf16(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t size = bits & 0x7FFFFFFFU;
    if (size > 0x7F800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
    if (size < 0x00800000U) return static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
    return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

inline float from_bf16(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }

}  // namespace lockstep::scalar
