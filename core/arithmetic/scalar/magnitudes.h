// The magnitudes of a matrix' rows and columns, for the kernels of bf16_kernels.h: plain loops that every
// instruction set's compiler flags turn into its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/dispatch/bf16_kernels.h"

namespace lockstep {
namespace {

/// 0 for a denormal: the products read it as a zero.
inline std::int32_t magnitude_bits(float value) {
    const auto bits = static_cast<std::int32_t>(__builtin_bit_cast(std::uint32_t, value) & 0x7FFFFFFFU);
    return bits < 0x00800000 ? 0 : bits;
}

inline void widen(std::int32_t bits, std::int32_t& largest, std::int32_t& least) {
    largest = bits > largest ? bits : largest;
    const std::int32_t unless_zero = bits == 0 ? kNoLeast : bits;
    least = unless_zero < least ? unless_zero : least;
}

inline void find_magnitudes(const MagnitudesTask& t) {
    for (std::size_t r = 0; r < t.rows; ++r) {
        const float* row = t.m.data + r * t.m.stride;
        if (t.of_rows.largest != nullptr) {
            std::int32_t largest = t.of_rows.largest[r];
            std::int32_t least = t.of_rows.least[r];
            for (std::size_t c = 0; c < t.cols; ++c) widen(magnitude_bits(row[c]), largest, least);
            t.of_rows.largest[r] = largest;
            t.of_rows.least[r] = least;
        }
        if (t.of_cols.largest != nullptr) {
            std::int32_t* __restrict largest = t.of_cols.largest;
            std::int32_t* __restrict least = t.of_cols.least;
            for (std::size_t c = 0; c < t.cols; ++c) widen(magnitude_bits(row[c]), largest[c], least[c]);
        }
    }
}

}  // namespace
}  // namespace lockstep
