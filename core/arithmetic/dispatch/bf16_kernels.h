// The kernels of the products in bf16, and the form in which they read their operands. Internal to core.
//
// Plain data only, for the reason given in kernels.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {

/// How an operand is written in bf16: rounded, or split into three parts, high, middle and low, that add up
/// to it.
enum class Bf16Form { kRounded, kSplit };

/// A part of a and a part of b that are multiplied with each other.
struct PartPair {
    std::size_t a, b;
};

/// The parts of an operand, and which of them are multiplied in each sweep over the whole depth: in a sweep
/// each block takes its pairs in order. The small products come first, while c is small and its rounding too.
struct RoundedForm {
    static constexpr std::size_t kParts = 1;
    static constexpr std::size_t kSweeps = 1;
    static constexpr PartPair kPairs[] = {{0, 0}};
    static constexpr std::size_t kSweepEnds[] = {0, 1};
};
struct SplitForm {
    static constexpr std::size_t kParts = 3;
    static constexpr std::size_t kSweeps = 2;
    static constexpr PartPair kPairs[] = {{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}, {0, 0}};
    static constexpr std::size_t kSweepEnds[] = {0, 5, 6};  // among the pairs
};
constexpr std::size_t parts_of(Bf16Form form) {
    return form == Bf16Form::kSplit ? SplitForm::kParts : RoundedForm::kParts;
}

/// The depth k of a product runs in blocks of 32, each of sixteen pairs (k even, k odd).
inline constexpr std::size_t kBlockDepth = 32;
inline constexpr std::size_t kBlockPairs = kBlockDepth / 2;
/// Columns of a panel.
inline constexpr std::size_t kBf16PanelCols = 32;
inline constexpr std::size_t kPanelBlock_pairs = kBlockPairs * kBf16PanelCols;

/// The right operand b (depth, cols) of a product: panels of 32 columns, each of `blocks` blocks, each of the
/// parts one after the other, each of 16 rows of 32 pairs. A pair holds the bf16 of the even k in its low
/// half, that of the odd k in its high half, as AMX and every other instruction set read it. What b lacks to
/// whole blocks and panels is +0.
struct Bf16Panels {
    const std::uint32_t* pairs;
    std::size_t blocks;  // of a panel
};

/// Writes in bf16 and packs rows of weights w, a whole number of blocks from its first row on or the last
/// ones, for both products that read them.
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
    Pause pause;
};

/// Rows and columns of a result.
struct TileRange {
    std::size_t row, rows, col, cols;
};

/// A weight gradient. leaf_done, where not null, is called for each leaf's own sums in a tile of dw, before
/// the tree adds them: `values` (rows, cols of the tile).
struct Bf16GradientTask {
    WeightGradientTask product;
    void (*leaf_done)(const void* context, std::size_t leaf, const TileRange& tile, const Rows& values);
    const void* context;
};

/// The largest and the least magnitude of each of several runs of values, as the bits of absolute values,
/// which are ordered as the floats are: NaN above Inf above all others. Zeros and denormals do not count.
struct Magnitudes {
    std::int32_t* largest;
    std::int32_t* least;
};
inline constexpr std::int32_t kNoLargest = 0;
inline constexpr std::int32_t kNoLeast = 0x7FFFFFFF;

/// Widens the magnitudes of the rows and of the columns of m (rows, cols), where asked for (not null).
struct MagnitudesTask {
    std::size_t rows, cols;
    ConstRows m;
    Magnitudes of_rows;  // (rows)
    Magnitudes of_cols;  // (cols)
};

struct Bf16Kernels {
    void (*pack_weights)(const Bf16WeightsTask&);
    void (*product)(const Bf16ProductTask&);
    void (*weight_gradient)(const Bf16GradientTask&);
    void (*find_magnitudes)(const MagnitudesTask&);
};

/// The table of the instruction set in use; valid until use_instruction_set is called.
const Bf16Kernels& bf16_kernels(Bf16Form form);

Bf16Kernels scalar_bf16_kernels(Bf16Form form);
Bf16Kernels avx2_bf16_kernels(Bf16Form form);
Bf16Kernels avx512_bf16_kernels(Bf16Form form);
Bf16Kernels amx_bf16_kernels(Bf16Form form);

}  // namespace lockstep
