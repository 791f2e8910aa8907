// Bits of TDPBF16PS without the instruction: a tile's even and odd chains side by side in registers, on
// operands that were rounded to bf16 and widened again. The register type comes from the simd_vec_*.h
// included before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/bf16_blocked.h"

namespace lockstep {
namespace {

/// Registers across a tile. Rows of two accumulators for each, next to the two of b, fill the register file.
constexpr int kChainVecs = 2;
constexpr int kMaxChainRows = kMaxTileRows / 2;

/// Where row r and value k of a lie: a[r * row_step + k * k_step].
struct ChainSteps {
    std::size_t row, k;
};

inline Vec even_values(const std::uint32_t* pairs) {
    return from_bits(shift_left<16>(bits_of(load(reinterpret_cast<const float*>(pairs)))));
}
inline Vec odd_values(const std::uint32_t* pairs) {
    return from_bits(
        both(bits_of(load(reinterpret_cast<const float*>(pairs))), ints(static_cast<int>(0xFFFF0000U))));
}

/// c (kRows, kChainVecs registers) += the blocks' products.
template <int kRows, bool kByRow>
void add_blocks(const float* a, std::size_t step, const std::uint32_t* b, const BlockRun& run, Rows c) {
    for (std::size_t block = 0; block < run.blocks; ++block) {
        Vec even[kRows][kChainVecs];
        Vec odd[kRows][kChainVecs];
#pragma GCC unroll 16
        for (int i = 0; i < kRows * kChainVecs; ++i) {
            even[i / kChainVecs][i % kChainVecs] = zero();
            odd[i / kChainVecs][i % kChainVecs] = zero();
        }
        const float* block_a = a;
        const std::uint32_t* block_b = b;
        const std::size_t pairs = block + 1 == run.blocks ? run.last_pairs : run.pairs;
        for (std::size_t p = 0; p < pairs; ++p) {
            const float* next_a = block_a + (kByRow ? 1 : step);
            Vec value[kChainVecs];
#pragma GCC unroll 2
            for (int v = 0; v < kChainVecs; ++v)
                value[v] = even_values(block_b + static_cast<std::size_t>(v) * kLanes);
#pragma GCC unroll 16
            for (int r = 0; r < kRows; ++r) {
                const Vec factor = broadcast(block_a[static_cast<std::size_t>(r) * (kByRow ? step : 1)]);
#pragma GCC unroll 2
                for (int v = 0; v < kChainVecs; ++v) even[r][v] = fma(factor, value[v], even[r][v]);
            }
#pragma GCC unroll 2
            for (int v = 0; v < kChainVecs; ++v)
                value[v] = odd_values(block_b + static_cast<std::size_t>(v) * kLanes);
#pragma GCC unroll 16
            for (int r = 0; r < kRows; ++r) {
                const Vec factor = broadcast(next_a[static_cast<std::size_t>(r) * (kByRow ? step : 1)]);
#pragma GCC unroll 2
                for (int v = 0; v < kChainVecs; ++v) odd[r][v] = fma(factor, value[v], odd[r][v]);
            }
            block_a += kByRow ? 2 : 2 * step;
            block_b += kBf16PanelCols;
        }
        const bool fresh = run.fresh && block == 0;
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
            for (int v = 0; v < kChainVecs; ++v) {
                float* at =
                    c.data + static_cast<std::size_t>(r) * c.stride + static_cast<std::size_t>(v) * kLanes;
                store(at, (fresh ? zero() : load(at)) + (even[r][v] + odd[r][v]));
            }
        }
        a += kByRow ? kBlockDepth : kBlockDepth * step;
        b += kPanelBlock_pairs;
    }
}

using AddBlocks = void (*)(const float* a, std::size_t step, const std::uint32_t* b, const BlockRun& run,
                           Rows c);
template <bool kByRow, int kRows = kMaxChainRows>
AddBlocks find_add_blocks(std::size_t rows) {
    if constexpr (kRows > 1) {
        if (rows < kRows) return find_add_blocks<kByRow, kRows - 1>(rows);
    }
    return add_blocks<kRows, kByRow>;
}

/// The engine of bf16_blocked.h. A row block of a is one matrix of rounded floats: (rows, depth) for a
/// product, (depth, rows) for a gradient.
struct ChainEngine {
    using Value = float;
    static constexpr std::size_t kTileRows = kMaxChainRows;
    static constexpr bool kWholeTiles = false;

    struct Session {};

    /// Floats from one row of the packed matrix to the next: an odd number of cache lines, lest rows meet in
    /// few sets.
    static constexpr std::size_t step(std::size_t width) { return (ceil_div(width, 16) | 1) * 16; }
    static constexpr std::size_t packed_values(bool by_depth, std::size_t rows, std::size_t blocks) {
        const std::size_t depth = blocks * kBlockDepth;
        return by_depth ? depth * step(rows) : rows * step(depth);
    }

    static void pack(const ABlock& a, Value* packed) {
        const std::size_t width = a.by_depth ? a.rows : a.depth;
        const std::size_t height = a.by_depth ? a.depth : a.rows;
        const std::size_t to_step = a.by_depth ? step(a.rows) : step(a.blocks * kBlockDepth);
        const std::size_t whole_depth = ceil_div(a.depth, kBlockDepth) * kBlockDepth;
        Value* to = packed + a.first_block * kBlockDepth * (a.by_depth ? to_step : 1);
        for (std::size_t i = 0; i < height; ++i) {
            const float* from = a.a.data + i * a.a.stride;
            for (std::size_t j = 0; j < width; j += kLanes)
                store(to + i * to_step + j, from_bits(round_to_bf16(load_first(from + j, width - j))));
            for (std::size_t j = ceil_div(width, kLanes) * kLanes; !a.by_depth && j < whole_depth;
                 j += kLanes)
                store(to + i * to_step + j, zero());
        }
        for (std::size_t i = height; a.by_depth && i < whole_depth; ++i) {
            for (std::size_t j = 0; j < width; j += kLanes) store(to + i * to_step + j, zero());
        }
    }

    static void add(const ATile& a, const Value* packed, const std::uint32_t* b, const BlockRun& run,
                    Rows c) {
        const std::size_t step_of_a = a.by_depth ? step(a.block_rows) : step(a.blocks * kBlockDepth);
        const float* from = packed + a.first_block * kBlockDepth * (a.by_depth ? step_of_a : 1) +
                            a.row * (a.by_depth ? 1 : step_of_a);
        const AddBlocks add = a.by_depth ? find_add_blocks<false>(a.rows) : find_add_blocks<true>(a.rows);
        for (std::size_t col = 0; col < kBf16PanelCols; col += kChainVecs * kLanes)
            add(from, step_of_a, b + col, run, {c.data + col, c.stride});
    }
};

}  // namespace
}  // namespace lockstep
