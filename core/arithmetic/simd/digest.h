// Digests of values on registers. The register type comes from the vec_*.h included before.
#pragma once

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {
namespace {

/// A register holds the bits of kLanes values, which go to kLanes / 2 of the sums.
void digest_simd(const DigestTask& t) {
    constexpr std::size_t kRow = 2 * kDigestSums;
    constexpr std::size_t kRows = kDigestBlock / kRow;
    for (std::size_t part = 0; part < kRow; part += kLanes) {
        Ints even_keys[kRows];
        Ints odd_keys[kRows];
        for (std::size_t row = 0; row < kRows; ++row) {
            even_keys[row] = load_ints(t.keys + row * kRow + part);
            odd_keys[row] = high_word(even_keys[row]);
        }
        Ints sums = load_ints(t.sums + part / 2);
        for (std::size_t b = 0; b < t.blocks; ++b) {
            const float* block = t.values + b * kDigestBlock + part;
            Ints even = ints(0);
            Ints odd = ints(0);
            for (std::size_t row = 0; row < kRows; ++row) {
                const Ints bits = load_ints(block + row * kRow);
                even = wide_plus(even, low_product(bits, even_keys[row]));
                odd = wide_plus(odd, low_product(high_word(bits), odd_keys[row]));
            }
            sums = wide_plus(sums, wide_times(wide_plus(even, odd), digest_factor(t.first_block + b)));
        }
        store_ints(t.sums + part / 2, sums);
    }
}

}  // namespace
}  // namespace lockstep
