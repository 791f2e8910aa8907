// The products in bf16 by blocks that fit the caches, for an engine that adds blocks of 32 k to tiles of the
// result: the registers of chains.h, or the tiles of amx_engine.h. After pack.h.
//
// An engine has
//   Form                   of bf16_kernels.h: how many parts its operands have
//   Value, kTileRows       what it reads a in, and the rows of its largest tile
//   kWholeTiles            it writes whole tiles, also where rows are missing
//   Session                what must live while it computes
//   packed_values(by_depth, rows, blocks), pack(ABlock, packed)   its copy of a block of a
//   add(ATile, packed, b, BlockRun, c)                            c += the run's blocks
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/dispatch/bf16_kernels.h"

namespace lockstep {
namespace {

/// What is packed at once of a block of a: `depth` values of k for all rows, into the blocks from first_block
/// on.
struct ABlock {
    ConstRows a;
    bool by_depth;  // a is (depth, rows), as in a gradient, not (rows, depth)
    std::size_t rows, depth;
    std::size_t blocks;  // room of the packed block
    std::size_t first_block;
};

/// A tile's rows within a packed block of a, from first_block on.
struct ATile {
    bool by_depth;
    std::size_t block_rows, blocks;  // of the packed block
    std::size_t first_block;
    std::size_t row, rows;
};

/// Of a form's sweeps over the depth: [begin, end).
struct Sweeps {
    std::size_t begin, end;
};

/// Consecutive blocks of k that are added to one c.
struct BlockRun {
    Sweeps sweeps;
    std::size_t blocks;
    /// Pairs that need be looked at of each block, and of the last one: those that exist and, because a zero
    /// that was flushed may be negative, one of the zeros that fill the block up.
    std::size_t pairs, last_pairs;
    bool fresh;  // c begins at +0
};

constexpr std::size_t needed_pairs(std::size_t depth) { return smaller_of(kBlockPairs, (depth + 1) / 2 + 1); }

/// The run of `depth` values of k from the first of a block on.
inline BlockRun run_of(Sweeps sweeps, std::size_t depth, bool fresh) {
    const std::size_t blocks = ceil_divide(depth, kBlockDepth);
    return {sweeps, blocks, kBlockPairs, needed_pairs(depth - (blocks - 1) * kBlockDepth), fresh};
}

// Scratch memory: a's block, half of the smallest second-level cache we know; b's blocks (of a gradient) and
// the stacks of its tiles, in the third level where there is a lot of either.
constexpr std::size_t kA_floats = std::size_t{128} << 10;
constexpr std::size_t kB_floats = std::size_t{384} << 10;
constexpr std::size_t kStacks_floats = std::size_t{512} << 10;
static_assert(kA_floats + kB_floats + kStacks_floats <= kScratch_floats);
/// The most blocks of k that are packed at once.
constexpr std::size_t kMostBlocks = 32;

/// Tile i of a row block's `tiles`: of like heights, or whole ones but for the last.
template <class Engine>
Piece tile_rows(std::size_t rows, std::size_t tiles, std::size_t i) {
    if (!Engine::kWholeTiles) return balanced_piece(rows, tiles, i);
    const std::size_t begin = i * Engine::kTileRows;
    return {begin, smaller_of(Engine::kTileRows, rows - begin)};
}

/// Whether an engine may write a tile of that size in place.
template <class Engine>
constexpr bool is_whole(std::size_t rows, std::size_t cols) {
    return cols == kBf16PanelCols && (!Engine::kWholeTiles || rows == Engine::kTileRows);
}

inline void copy_rows(const float* from, std::size_t from_stride, std::size_t rows, std::size_t cols,
                      Rows to) {
    for (std::size_t r = 0; r < rows; ++r) {
        const float* row = from + r * from_stride;
        float* at = to.data + r * to.stride;
        std::size_t c = 0;
        for (; c + kLanes <= cols; c += kLanes) store(at + c, load(row + c));
        if (c < cols) store(at + c, load(row + c, first_lanes(cols - c)), first_lanes(cols - c));
    }
}

/// into = into + from, whole tiles.
inline void add_tile(float* into, const float* from, std::size_t rows) {
    for (std::size_t i = 0; i < rows * kBf16PanelCols; i += kLanes)
        store(into + i, load(into + i) + load(from + i));
}

/// A block of a panel, all its parts.
template <class Engine>
inline constexpr std::size_t kBlock_pairs = Engine::Form::kParts* kPanelBlock_pairs;

/// Rows of a that a block holds at most, a multiple of the tile's.
template <class Engine>
std::size_t most_rows(bool by_depth, std::size_t blocks) {
    constexpr std::size_t kValues = kA_floats * sizeof(float) / sizeof(typename Engine::Value);
    const std::size_t row_values = blocks * kBlockDepth * Engine::Form::kParts;
    std::size_t rows = kValues / row_values / Engine::kTileRows * Engine::kTileRows;
    while (rows > Engine::kTileRows && Engine::packed_values(by_depth, rows, blocks) > kValues)
        rows -= Engine::kTileRows;
    return rows;
}

/// A part of a product's depth on one row block: all panels, tile by tile.
template <class Engine>
void product_tiles(const Bf16ProductTask& t, const typename Engine::Value* a, Piece rows, Piece blocks,
                   const BlockRun& run) {
    const std::size_t tiles = ceil_divide(rows.size, Engine::kTileRows);
    alignas(64) float edge[Engine::kTileRows * kBf16PanelCols];
    for (std::size_t col = 0; col < t.cols; col += kBf16PanelCols) {
        const std::size_t cols = smaller_of(kBf16PanelCols, t.cols - col);
        const std::uint32_t* b =
            t.b.pairs + (col / kBf16PanelCols * t.b.blocks + blocks.begin) * kBlock_pairs<Engine>;
        for (std::size_t i = 0; i < tiles; ++i) {
            const Piece tile = tile_rows<Engine>(rows.size, tiles, i);
            const ATile of_a{false, rows.size, blocks.size, 0, tile.begin, tile.size};
            const Rows c{t.c.data + (rows.begin + tile.begin) * t.c.stride + col, t.c.stride};
            if (is_whole<Engine>(tile.size, cols)) {
                Engine::add(of_a, a, b, run, c);
                continue;
            }
            const Rows whole{edge, kBf16PanelCols};
            if (!run.fresh) copy_rows(c.data, c.stride, tile.size, cols, whole);
            Engine::add(of_a, a, b, run, whole);
            copy_rows(edge, kBf16PanelCols, tile.size, cols, c);
        }
        t.pause.take();
    }
}

template <class Engine>
void blocked_product(const Bf16ProductTask& t) {
    using Value = typename Engine::Value;
    const std::size_t blocks = ceil_divide(t.depth, kBlockDepth);
    if (blocks == 0) {
        for (std::size_t r = 0; r < t.rows; ++r)
            for (std::size_t c = 0; c < t.cols; ++c) t.c.data[r * t.c.stride + c] = 0.0F;
        t.finish(t.context, 0, t.rows);
        return;
    }
    Value* packed = reinterpret_cast<Value*>(t.scratch);
    const std::size_t parts = ceil_divide(blocks, kMostBlocks);
    const std::size_t row_blocks = ceil_divide(t.rows, most_rows<Engine>(false, ceil_divide(blocks, parts)));
    [[maybe_unused]] const typename Engine::Session session{};
    for (std::size_t rb = 0; rb < row_blocks; ++rb) {
        const std::size_t row_tiles = ceil_divide(t.rows, Engine::kTileRows);
        const Piece tiles = balanced_piece(row_tiles, row_blocks, rb);
        const std::size_t first = tiles.begin * Engine::kTileRows;
        const Piece rows{first, smaller_of(tiles.size * Engine::kTileRows, t.rows - first)};
        // In one part of the depth an engine sweeps by itself; several are gone through for each sweep.
        const std::size_t rounds = parts == 1 ? 1 : Engine::Form::kSweeps;
        for (std::size_t i = 0; i < rounds * parts; ++i) {
            const Piece part = balanced_piece(blocks, parts, i % parts);
            const std::size_t k = part.begin * kBlockDepth;
            const std::size_t depth = smaller_of(part.size * kBlockDepth, t.depth - k);
            const Sweeps sweeps =
                rounds == 1 ? Sweeps{0, Engine::Form::kSweeps} : Sweeps{i / parts, i / parts + 1};
            Engine::pack(
                {{t.a.data + rows.begin * t.a.stride + k, t.a.stride}, false, rows.size, depth, part.size, 0},
                packed);
            product_tiles<Engine>(t, packed, rows, part, run_of(sweeps, depth, i == 0));
        }
        t.finish(t.context, rows.begin, rows.size);
    }
}

}  // namespace
}  // namespace lockstep
