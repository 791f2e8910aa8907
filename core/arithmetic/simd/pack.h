// Cutting of products into pieces, and the copies of them that the tiles read in order.
// The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/integers.h"

namespace lockstep {
namespace {

/// packed[k * step + r] = source[r * stride + k]. The registers' unused lanes are written too, ascending in
/// k, so that a step smaller than a register packs without gaps and ends up to one register beyond. Requires
/// 0 < rows <= kLanes.
inline void pack_transposed(const float* source, std::size_t stride, std::size_t rows, std::size_t depth,
                            float* packed, std::size_t step) {
    Vec block[kLanes];
    std::size_t k = 0;
    if (rows == kLanes) {
        for (; k + kLanes <= depth; k += kLanes) {
            for (std::size_t r = 0; r < kLanes; ++r) block[r] = load(source + r * stride + k);
            transpose(block);
            for (std::size_t i = 0; i < kLanes; ++i) store(packed + (k + i) * step, block[i]);
        }
    }
    for (; k < depth; k += kLanes) {
        const std::size_t count = smaller_of(kLanes, depth - k);
        const Mask mask = first_lanes(count);
        for (std::size_t r = 0; r < kLanes; ++r)
            block[r] = r < rows ? load(source + r * stride + k, mask) : zero();
        transpose(block);
        for (std::size_t i = 0; i < count; ++i) store(packed + (k + i) * step, block[i]);
    }
}

/// to[c] = from[c] for c in [0, cols), in whole registers: the last one is filled with zeros. Fetches
/// `later`, where the same columns of a row some steps ahead lie: rows far apart are on pages that the CPU
/// does not fetch by itself.
inline void copy_padded(const float* from, const float* later, std::size_t cols, float* to) {
    std::size_t c = 0;
    for (; c + kLanes <= cols; c += kLanes) {
        __builtin_prefetch(later + c);
        store(to + c, load(from + c));
    }
    if (c < cols) {
        __builtin_prefetch(later + c);
        store(to + c, load(from + c, first_lanes(cols - c)));
    }
}

}  // namespace
}  // namespace lockstep
