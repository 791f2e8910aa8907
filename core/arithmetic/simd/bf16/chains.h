// Bits of TDPBF16PS without the instruction: a tile's even and odd chains side by side in registers, on
// operands that were rounded to bf16 and widened again. The register type comes from the simd_vec_*.h
// included before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/simd/bf16/blocked.h"

namespace lockstep {
namespace {

/// Registers across a tile. Rows of two accumulators for each, next to the two of b, fill the register file.
constexpr int kChainVecs = 2;
constexpr int kMaxChainRows = kMaxTileRows / 2;

inline Vec even_values(const std::uint32_t* pairs) {
    return from_bits(shift_left<16>(bits_of(load(reinterpret_cast<const float*>(pairs)))));
}
inline Vec odd_values(const std::uint32_t* pairs) {
    return from_bits(
        both(bits_of(load(reinterpret_cast<const float*>(pairs))), ints(static_cast<int>(0xFFFF0000U))));
}

/// c (kRows, kChainVecs registers) += the product of one part of a and one of b in one block of k, of which
/// `pairs` pairs need be looked at. Row r and value k of a lie at a[r * step + k] where kByRow, else at
/// a[r + k * step].
template <int kRows, bool kByRow>
[[gnu::always_inline]] inline void add_parts(const float* a, std::size_t step, const std::uint32_t* b,
                                             std::size_t pairs, bool fresh, Rows c) {
    Vec even[kRows][kChainVecs];
    Vec odd[kRows][kChainVecs];
#pragma GCC unroll 16
    for (int i = 0; i < kRows * kChainVecs; ++i) {
        even[i / kChainVecs][i % kChainVecs] = zero();
        odd[i / kChainVecs][i % kChainVecs] = zero();
    }
    for (std::size_t p = 0; p < pairs; ++p) {
        const float* next_a = a + (kByRow ? 1 : step);
        Vec value[kChainVecs];
#pragma GCC unroll 2
        for (int v = 0; v < kChainVecs; ++v) value[v] = even_values(b + static_cast<std::size_t>(v) * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const Vec factor = broadcast(a[static_cast<std::size_t>(r) * (kByRow ? step : 1)]);
#pragma GCC unroll 2
            for (int v = 0; v < kChainVecs; ++v) even[r][v] = fma(factor, value[v], even[r][v]);
        }
#pragma GCC unroll 2
        for (int v = 0; v < kChainVecs; ++v) value[v] = odd_values(b + static_cast<std::size_t>(v) * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const Vec factor = broadcast(next_a[static_cast<std::size_t>(r) * (kByRow ? step : 1)]);
#pragma GCC unroll 2
            for (int v = 0; v < kChainVecs; ++v) odd[r][v] = fma(factor, value[v], odd[r][v]);
        }
        a += kByRow ? 2 : 2 * step;
        b += kBf16PanelCols;
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < kChainVecs; ++v) {
            float* at =
                c.data + static_cast<std::size_t>(r) * c.stride + static_cast<std::size_t>(v) * kLanes;
            store(at, (fresh ? zero() : load(at)) + (even[r][v] + odd[r][v]));
        }
    }
}

/// c += the run's blocks, sweep by sweep.
template <class Form, int kRows, bool kByRow>
void add_blocks(const float* a, std::size_t step, const std::uint32_t* b, const BlockRun& run, Rows c) {
    const std::size_t a_part = kBlockDepth * (kByRow ? 1 : step);
    bool fresh = run.fresh;
    for (std::size_t sweep = run.sweeps.begin; sweep < run.sweeps.end; ++sweep) {
        for (std::size_t block = 0; block < run.blocks; ++block) {
            const std::size_t pairs = block + 1 == run.blocks ? run.last_pairs : run.pairs;
            const float* block_a = a + block * Form::kParts * a_part;
            const std::uint32_t* block_b = b + block * Form::kParts * kPanelBlock_pairs;
            for (std::size_t p = Form::kSweepEnds[sweep]; p < Form::kSweepEnds[sweep + 1]; ++p) {
                const PartPair part = Form::kPairs[p];
                add_parts<kRows, kByRow>(block_a + part.a * a_part, step,
                                         block_b + part.b * kPanelBlock_pairs, pairs, fresh, c);
                fresh = false;
            }
        }
    }
}

using AddBlocks = void (*)(const float* a, std::size_t step, const std::uint32_t* b, const BlockRun& run,
                           Rows c);
template <class Form, bool kByRow, int kRows = kMaxChainRows>
AddBlocks find_add_blocks(std::size_t rows) {
    if constexpr (kRows > 1) {
        if (rows < kRows) return find_add_blocks<Form, kByRow, kRows - 1>(rows);
    }
    return add_blocks<Form, kRows, kByRow>;
}

/// The engine of blocked.h. A row block of a is one matrix of floats that bf16 can hold: (rows, depth)
/// for a product, (depth, rows) for a gradient. Where there are several parts, those of a block of the depth
/// come one after the other.
template <class OperandForm>
struct ChainEngine {
    using Form = OperandForm;
    using Value = float;
    static constexpr std::size_t kTileRows = kMaxChainRows;
    static constexpr bool kWholeTiles = false;

    struct Session {};

    /// Floats from one row of the packed matrix to the next: an odd number of cache lines, lest rows meet in
    /// few sets.
    static constexpr std::size_t step(std::size_t width) { return (ceil_divide(width, 16) | 1) * 16; }
    static constexpr std::size_t packed_values(bool by_depth, std::size_t rows, std::size_t blocks) {
        const std::size_t depth = blocks * Form::kParts * kBlockDepth;
        return by_depth ? depth * step(rows) : rows * step(depth);
    }

    static void pack(const ABlock& a, Value* packed) {
        const std::size_t depth_step = a.by_depth ? step(a.rows) : 1;
        const std::size_t row_step = a.by_depth ? 1 : step(a.blocks * Form::kParts * kBlockDepth);
        Value* to = packed + a.first_block * Form::kParts * kBlockDepth * depth_step;
        for (std::size_t k = 0; k < a.depth; k += kBlockDepth) {
            const std::size_t depth = smaller_of(kBlockDepth, a.depth - k);
            const float* from = a.a.data + k * (a.by_depth ? a.a.stride : 1);
            const std::size_t width = a.by_depth ? a.rows : depth;
            const std::size_t whole_width = a.by_depth ? a.rows : kBlockDepth;
            const std::size_t height = a.by_depth ? kBlockDepth : a.rows;
            for (std::size_t i = 0; i < height; ++i) {
                const std::size_t filled = a.by_depth && i >= depth ? 0 : width;
                for (std::size_t j = 0; j < whole_width; j += kLanes) {
                    const auto parts = bf16_lanes<Form>(from + i * a.a.stride, j, filled);
                    for (std::size_t part = 0; part < Form::kParts; ++part) {
                        store(to + part * kBlockDepth * depth_step +
                                  i * (a.by_depth ? depth_step : row_step) + j,
                              from_bits(parts.part[part]));
                    }
                }
            }
            to += Form::kParts * kBlockDepth * depth_step;
        }
    }

    static void add(const ATile& a, const Value* packed, const std::uint32_t* b, const BlockRun& run,
                    Rows c) {
        constexpr std::size_t kDepth = Form::kParts * kBlockDepth;
        const std::size_t step_of_a = a.by_depth ? step(a.block_rows) : step(a.blocks * kDepth);
        const float* from = packed + a.first_block * kDepth * (a.by_depth ? step_of_a : 1) +
                            a.row * (a.by_depth ? 1 : step_of_a);
        const AddBlocks add =
            a.by_depth ? find_add_blocks<Form, false>(a.rows) : find_add_blocks<Form, true>(a.rows);
        for (std::size_t col = 0; col < kBf16PanelCols; col += kChainVecs * kLanes)
            add(from, step_of_a, b + col, run, {c.data + col, c.stride});
    }
};

}  // namespace
}  // namespace lockstep
