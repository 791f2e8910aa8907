// The products by blocks that fit the caches, on the tiles of simd/tile.h.
// The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {
namespace {

/// Chains are cut here, so that the panels of a tile stay in the first two cache levels; a cut costs a reload
/// of c.
constexpr std::size_t kDepthBlock = 1152;
/// Packed rows of a: half of the smallest second-level cache we know (1 MiB).
constexpr std::size_t kPackedA_floats = std::size_t{128} << 10;
constexpr std::size_t kLargestRows = 2048;
constexpr std::size_t kPackedAMargin_floats = (kLargestRows / kMaxTileRows + 1) * kLanes;
/// Packed columns of b: in the third level. The more of them, the less often a is packed again.
constexpr std::size_t kPackedB_floats = std::size_t{1024} << 10;
constexpr std::size_t kLargestCols = 1024;
/// A b of more than this many floats is packed ahead: its strided rows would reach the first tile too late.
constexpr std::size_t kLargestFusedB_floats = std::size_t{1} << 20;
/// Up to so many panels, reading a by its rows costs less than packing it.
constexpr std::size_t kPanelsByRow = 32;
constexpr std::size_t kTile_floats = kMaxTileRows * kPanelCols;
/// The leaf tree within a depth block: one tile a level, more levels than 2^32 leaves make.
constexpr std::size_t kStack_floats = 32 * kTile_floats;
/// The leaf tree over depth blocks: a stack for every tile of the rows and columns in work.
constexpr std::size_t kOuterStack_floats = std::size_t{800} << 10;
static_assert(kPackedA_floats + kPackedAMargin_floats + kPackedB_floats + kStack_floats +
                  kOuterStack_floats <=
              kScratch_floats);
static_assert(kPackedA_floats >= kDepthBlock * kMaxTileRows && kPackedB_floats >= kDepthBlock * kPanelCols);

/// What is done to a part of c once its chains are complete, while it is in the first cache level.
struct Epilogue {
    void (*run)(const Epilogue&, Rows c, std::size_t row, std::size_t col, std::size_t rows,
                std::size_t cols);
    Activation f;
    const float* bias;
    ConstRows y;
};

/// c (rows, cols) = a · b.
struct Product {
    std::size_t rows, cols, depth;
    ConstRows a;  // (rows, depth), or (depth, rows) where a_by_depth
    bool a_by_depth;
    ConstRows b;  // (depth, cols), or (cols, depth) where b_transposed
    bool b_transposed;
    Rows c;
    std::size_t leaf;  // of the weight gradient
    const Epilogue* epilogue;
    float* scratch;
    Pause pause;
};

/// How a product is blocked. Loops, outermost first: column blocks, row groups, depth blocks, row blocks,
/// panels of b, tiles.
struct Plan {
    std::size_t cols;        // of a column block
    std::size_t group_rows;  // of a row group
    std::size_t depth;       // of a depth block, the largest
    std::size_t depth_blocks;
    std::size_t rows;  // of a row block, the largest
    bool packs_fit;    // a leaf may be longer than a depth block ought to be: then nothing is packed
    bool pack_a;
    bool pack_b;               // before the row blocks; otherwise by the first tile of each panel
    std::size_t outer_levels;  // of the tree over depth blocks
    std::size_t panels;        // of a column block, where there are such levels
};

/// First-level cache sets, of 64, that lines a stride apart fall into.
inline std::size_t sets_of(std::size_t stride) {
    constexpr std::size_t kLine_floats = 16;
    std::size_t sets = 64;
    if (stride % kLine_floats != 0) return sets;
    for (std::size_t lines = stride / kLine_floats; sets > 1 && lines % 2 == 0; lines /= 2) sets /= 2;
    return sets;
}

/// How to block a product. a is read unpacked where its lines stay in the first cache level from panel to
/// panel, or, by rows, come in order: not where a stride of a power of two throws them into few sets.
template <TileKind kKind>
Plan make_plan(const Product& p) {
    Plan plan{};
    if (kKind == TileKind::kGradient) {
        // A power of two of leaves, so that a depth block is a node of the tree.
        plan.depth = p.leaf;
        while (plan.depth <= kDepthBlock / 2 && plan.depth < p.depth) plan.depth *= 2;
        plan.depth = smaller_of(plan.depth, p.depth);
        plan.depth_blocks = ceil_divide(p.depth, plan.depth);
    } else {
        plan.depth_blocks = larger_of(1, ceil_divide(p.depth, kDepthBlock));
        plan.depth = larger_of(1, ceil_divide(p.depth, plan.depth_blocks));
    }
    constexpr std::size_t kDeepestPack =
        smaller_of(kPackedA_floats / kMaxTileRows, kPackedB_floats / kPanelCols);
    plan.packs_fit = plan.depth <= kDeepestPack;

    const bool reads_a_well = p.a_by_depth ? plan.depth <= 4 * sets_of(p.a.stride)
                                           : p.cols <= kPanelsByRow * kPanelCols && sets_of(p.a.stride) >= 4;
    plan.pack_a = plan.packs_fit && p.cols > kPanelCols && !reads_a_well;
    // Unpacked rows, too, should stay in the second level from panel to panel.
    plan.rows = plan.packs_fit ? smaller_of(kLargestRows, kPackedA_floats / plan.depth) : p.rows;
    plan.group_rows = p.rows;

    const bool reads_b_well = plan.rows >= p.rows && p.cols * p.depth <= kLargestFusedB_floats;
    plan.pack_b = p.b_transposed || (plan.packs_fit && !reads_b_well);
    plan.cols = p.cols;
    if (plan.pack_b) {
        plan.cols = smaller_of(kLargestCols, kPackedB_floats / plan.depth / kPanelCols * kPanelCols);
    }

    if (kKind == TileKind::kGradient && plan.depth_blocks > 1) {
        constexpr std::size_t kOuterPanels = 16;
        while (plan.depth_blocks >> plan.outer_levels != 0) ++plan.outer_levels;
        plan.cols = smaller_of(plan.cols, kOuterPanels * kPanelCols);
        plan.panels = ceil_divide(plan.cols, kPanelCols);
        const std::size_t tiles = kOuterStack_floats / (plan.outer_levels * plan.panels * kTile_floats);
        // Balanced row blocks may each end in one tile more than their share.
        const std::size_t row_blocks = tiles * kMaxTileRows / plan.rows + 1;
        plan.group_rows = kMaxTileRows * (tiles > row_blocks ? tiles - row_blocks : 1);
    }
    return plan;
}

/// The blocks in work.
struct Block {
    Piece cols, depth, rows;
    std::size_t depth_index;
    std::size_t first_tile;  // of the row group
};

/// Where tile i of a row block is packed: room for the register's unused lanes at each tile's end.
inline float* packed_tile(float* packed, Piece tile, std::size_t i, std::size_t depth) {
    return packed + tile.begin * depth + i * kLanes;
}

/// Packs a's rows of the block, tile after tile, each (depth, rows of the tile).
inline void pack_a(const Product& p, const Block& block, float* packed) {
    const std::size_t depth = block.depth.size;
    const std::size_t tiles = ceil_divide(block.rows.size, kMaxTileRows);
    if (p.a_by_depth) {
        // Along a's rows, not tile by tile: strides that are powers of two would evict each line between its
        // tiles.
        for (std::size_t k = 0; k < depth; ++k) {
            const float* from = p.a.data + (block.depth.begin + k) * p.a.stride + block.rows.begin;
            for (std::size_t i = 0; i < tiles; ++i) {
                const Piece tile = balanced_piece(block.rows.size, tiles, i);
                copy_padded(from + tile.begin, from + tile.begin + kRowsAhead * p.a.stride, tile.size,
                            packed_tile(packed, tile, i, depth) + k * tile.size);
            }
        }
        return;
    }
    for (std::size_t i = 0; i < tiles; ++i) {
        const Piece tile = balanced_piece(block.rows.size, tiles, i);
        pack_transposed(p.a.data + (block.rows.begin + tile.begin) * p.a.stride + block.depth.begin,
                        p.a.stride, tile.size, depth, packed_tile(packed, tile, i, depth), tile.size);
    }
}

/// Packs b's columns of the block, panel after panel, each (depth, whole registers).
inline void pack_b(const Product& p, const Block& block, float* packed) {
    const std::size_t depth = block.depth.size;
    // Panels copied together: enough that a row of b is read in long runs, few enough to write them side by
    // side.
    constexpr std::size_t kTogether = 8;
    for (std::size_t group = 0; group < block.cols.size; group += kTogether * kPanelCols) {
        const std::size_t end = smaller_of(block.cols.size, group + kTogether * kPanelCols);
        for (std::size_t k = 0; !p.b_transposed && k < depth; ++k) {
            const float* from = p.b.data + (block.depth.begin + k) * p.b.stride + block.cols.begin;
            for (std::size_t j = group; j < end; j += kPanelCols) {
                const std::size_t width = smaller_of(kPanelCols, end - j);
                copy_padded(from + j, from + j + kRowsAhead * p.b.stride, width,
                            packed + j * depth + k * (ceil_divide(width, kLanes) * kLanes));
            }
        }
        for (std::size_t j = group; p.b_transposed && j < end; j += kLanes) {
            const std::size_t panel = j / kPanelCols * kPanelCols;
            const std::size_t step = ceil_divide(smaller_of(kPanelCols, end - panel), kLanes) * kLanes;
            pack_transposed(p.b.data + (block.cols.begin + j) * p.b.stride + block.depth.begin, p.b.stride,
                            smaller_of(kLanes, end - j), depth, packed + panel * depth + (j - panel), step);
        }
    }
}

/// The forms of b for a panel's first tile and for those below it.
struct BForms {
    BForm first, others;
};
inline BForms b_forms(const Plan& plan, std::size_t tiles) {
    if (plan.pack_b) return {BForm::kPacked, BForm::kPacked};
    if (tiles == 1 || !plan.packs_fit) return {BForm::kDirect, BForm::kDirect};
    return {BForm::kPackNow, BForm::kPacked};
}

/// The tiles of one row block, panel by panel.
template <TileKind kKind>
void run_tiles(const Product& p, const Plan& plan, const Block& block, float* packed_a, float* packed_b) {
    float* stack = p.scratch + kPackedA_floats + kPackedAMargin_floats + kPackedB_floats;
    float* outer_stack = stack + kStack_floats;
    const std::size_t tiles = ceil_divide(block.rows.size, kMaxTileRows);
    const BForms forms = b_forms(plan, tiles);
    const AForm a_form = plan.pack_a || p.a_by_depth ? AForm::kByDepth : AForm::kByRow;
    for (std::size_t j = 0; j < block.cols.size; j += kPanelCols) {
        const std::size_t width = smaller_of(kPanelCols, block.cols.size - j);
        const std::size_t vecs = ceil_divide(width, kLanes);
        const std::size_t col = block.cols.begin + j;
        TileTask t{};
        t.depth = block.depth.size;
        t.c_stride = p.c.stride;
        t.last = first_lanes(width - (vecs - 1) * kLanes);
        t.first_depth = block.depth_index == 0;
        t.last_depth = block.depth_index + 1 == plan.depth_blocks;
        t.leaf = p.leaf;
        t.stack = stack;
        t.depth_blocks = block.depth_index;
        for (std::size_t i = 0; i < tiles; ++i) {
            const Piece tile = balanced_piece(block.rows.size, tiles, i);
            const std::size_t row = block.rows.begin + tile.begin;
            const BForm form = i == 0 ? forms.first : forms.others;
            const bool b_in_place = form != BForm::kPacked;
            t.b = b_in_place    ? p.b.data + block.depth.begin * p.b.stride + col
                  : plan.pack_b ? packed_b + j * block.depth.size
                                : packed_b;
            t.b_step = b_in_place ? p.b.stride : vecs * kLanes;
            t.packed_b = packed_b;
            t.a_step = plan.pack_a ? tile.size : p.a.stride;
            t.a = plan.pack_a    ? packed_tile(packed_a, tile, i, block.depth.size)
                  : p.a_by_depth ? p.a.data + block.depth.begin * p.a.stride + row
                                 : p.a.data + row * p.a.stride + block.depth.begin;
            t.c = p.c.data + row * p.c.stride + col;
            t.next_c = i + 1 < tiles ? t.c + tile.size * p.c.stride
                                     : p.c.data + block.rows.begin * p.c.stride + col + kPanelCols;
            const std::size_t slot = (block.first_tile + i) * plan.panels + j / kPanelCols;
            t.outer_stack = outer_stack + slot * plan.outer_levels * kTile_floats;
            find_tile<kKind>(tile.size, vecs, a_form, form)(t);
            if (t.last_depth && p.epilogue != nullptr) {
                p.epilogue->run(*p.epilogue, p.c, row, col, tile.size, width);
            }
        }
        p.pause.take();
    }
}

template <TileKind kKind>
void multiply_blocked(const Product& p) {
    if (p.rows == 0 || p.cols == 0) return;
    float* packed_a = p.scratch;
    float* packed_b = p.scratch + kPackedA_floats + kPackedAMargin_floats;
    const Plan plan = make_plan<kKind>(p);
    Block block{};
    for (std::size_t col = 0; col < p.cols; col += plan.cols) {
        block.cols = {col, smaller_of(plan.cols, p.cols - col)};
        for (std::size_t group = 0; group < p.rows; group += plan.group_rows) {
            const std::size_t group_rows = smaller_of(plan.group_rows, p.rows - group);
            const std::size_t row_blocks = ceil_divide(group_rows, plan.rows);
            for (std::size_t kb = 0; kb < plan.depth_blocks; ++kb) {
                block.depth_index = kb;
                block.depth = kKind == TileKind::kGradient
                                  ? Piece{kb * plan.depth, smaller_of(plan.depth, p.depth - kb * plan.depth)}
                                  : balanced_piece(p.depth, plan.depth_blocks, kb);
                if (plan.pack_b) pack_b(p, block, packed_b);
                block.first_tile = 0;
                for (std::size_t rb = 0; rb < row_blocks; ++rb) {
                    const Piece rows = balanced_piece(group_rows, row_blocks, rb);
                    block.rows = {group + rows.begin, rows.size};
                    if (plan.pack_a) pack_a(p, block, packed_a);
                    run_tiles<kKind>(p, plan, block, packed_a, packed_b);
                    block.first_tile += ceil_divide(rows.size, kMaxTileRows);
                }
            }
        }
    }
}

}  // namespace
}  // namespace lockstep
