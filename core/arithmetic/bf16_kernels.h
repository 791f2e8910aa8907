// The kernels of the products in bf16, and the form in which they read their operands. Internal to core.
//
// Plain data only, for the reason given in kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/kernels.h"

namespace lockstep {

/// The depth k of a product runs in blocks of 32, each of sixteen pairs (k even, k odd).
inline constexpr std::size_t kBlockDepth = 32;
inline constexpr std::size_t kBlockPairs = kBlockDepth / 2;
/// Columns of a panel.
inline constexpr std::size_t kBf16PanelCols = 32;
inline constexpr std::size_t kPanelBlock_pairs = kBlockPairs * kBf16PanelCols;

/// The right operand b (depth, cols) of a product, rounded: panels of 32 columns, each of `blocks` blocks of
/// 16 rows of 32 pairs. A pair holds the bf16 of the even k in its low half, that of the odd k in its high
/// half, as AMX and every other instruction set read it. What b lacks to whole blocks and panels is +0.
struct Bf16Panels {
    const std::uint32_t* pairs;
    std::size_t blocks;  // of a panel
};

/// Rounds and packs rows of weights w, a whole number of blocks from its first row on or the last ones, for
/// both products that read them.
struct Bf16WeightsTask {
    std::size_t rows, cols;
    ConstRows w;             // (rows, cols)
    std::uint32_t* by_row;   // panels of w's columns, from the block of the first row on
    std::size_t row_blocks;  // of a panel of by_row
    std::uint32_t* by_col;   // the panels of these columns of wᵀ, or null
    std::size_t col_blocks;  // of a panel of by_col
};

/// c = a · b, see bf16_gemm.h. finish(context, row, rows) is called for every run of rows as soon as it is
/// complete, while it is in cache.
struct Bf16ProductTask {
    std::size_t rows, cols, depth;
    ConstRows a;  // (rows, depth)
    Bf16Panels b;
    Rows c;  // (rows, cols)
    void (*finish)(const void* context, std::size_t row, std::size_t rows);
    const void* context;
    float* scratch;  // (kScratch_floats)
};

struct Bf16Kernels {
    void (*pack_weights)(const Bf16WeightsTask&);
    void (*product)(const Bf16ProductTask&);
    void (*weight_gradient)(const WeightGradientTask&);
};

/// The table of the instruction set in use; valid until use_instruction_set is called.
const Bf16Kernels& bf16_kernels();

Bf16Kernels scalar_bf16_kernels();
Bf16Kernels avx2_bf16_kernels();
Bf16Kernels avx512_bf16_kernels();
Bf16Kernels amx_bf16_kernels();

}  // namespace lockstep
