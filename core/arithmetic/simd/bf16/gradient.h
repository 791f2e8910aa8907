// The weight gradient in bf16 by blocks that fit the caches, on an engine of blocked.h; after that
// header.
//
// The leaves' tree is walked as a binary counter: a tile's stack holds the sums of the whole subtrees to the
// left, largest at the bottom, as the ones in the number of finished units. A finished unit closes as many of
// them as that number has trailing ones; after the last unit the rest close from the top down, which is the
// tree's right edge.
//
// A unit is one leaf, or, of operands in one part, two sibling leaves of at most one block each:
// c = c + (even + odd) is then the addition of the tree. (A leaf alone would first add its block to +0, which
// changes only the sign of a zero; and as c is no negative zero after its first block, adding either zero to
// it is the same.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/arithmetic/scalar/magnitudes.h"

namespace lockstep {
namespace {

/// How the samples are cut. A piece is what is packed into blocks of its own: a leaf, or a part of a very
/// long one.
struct GradientCut {
    std::size_t leaf, piece, piece_blocks;
    std::size_t unit;  // samples of a unit
    std::size_t units;
    std::size_t chunk;  // the most samples that are packed at once: whole units, or one piece of a leaf
    std::size_t chunk_blocks;
    std::size_t levels;  // of the stack
};

template <class Form>
GradientCut cut_samples(std::size_t samples, std::size_t leaf_samples) {
    GradientCut g{};
    g.leaf = smaller_of(leaf_samples, samples);
    g.piece = smaller_of(g.leaf, kMostBlocks * kBlockDepth);
    g.piece_blocks = ceil_divide(g.piece, kBlockDepth);
    g.unit = g.leaf <= kBlockDepth && Form::kParts == 1 ? 2 * g.leaf : g.leaf;
    g.units = ceil_divide(samples, g.unit);
    if (g.piece < g.leaf) {
        g.chunk = g.piece;
        g.chunk_blocks = g.piece_blocks;
    } else {
        const std::size_t unit_blocks = g.unit / g.leaf * g.piece_blocks;
        const std::size_t units = smaller_of(g.units, kMostBlocks / unit_blocks);
        g.chunk = units * g.unit;
        g.chunk_blocks = units * unit_blocks;
    }
    g.levels = 1;
    for (std::size_t u = g.units - 1; u != 0; u >>= 1) ++g.levels;
    return g;
}

/// Samples [begin, end), packed together, for some sweeps over their leaves: for all of them, unless the
/// chunk is one piece of a leaf.
struct Chunk {
    std::size_t begin, end;
    Sweeps sweeps;
};
template <class Form>
Chunk chunk_from(const GradientCut& g, std::size_t samples, std::size_t begin, std::size_t sweep) {
    if (g.piece == g.leaf) return {begin, smaller_of(begin + g.chunk, samples), {0, Form::kSweeps}};
    const std::size_t leaf_end = begin / g.leaf * g.leaf + g.leaf;
    return {begin, smaller_of(smaller_of(begin + g.chunk, leaf_end), samples), {sweep, sweep + 1}};
}
template <class Form>
Chunk first_chunk(const GradientCut& g, std::size_t samples) {
    return chunk_from<Form>(g, samples, 0, 0);
}
template <class Form>
Chunk next_chunk(const GradientCut& g, std::size_t samples, Chunk chunk) {
    const bool leaf_ends = chunk.end % g.leaf == 0 || chunk.end == samples;
    if (!leaf_ends) return chunk_from<Form>(g, samples, chunk.end, chunk.sweeps.begin);
    if (chunk.sweeps.end == Form::kSweeps) return chunk_from<Form>(g, samples, chunk.end, 0);
    return chunk_from<Form>(g, samples, (chunk.end - 1) / g.leaf * g.leaf, chunk.sweeps.end);
}
template <class Form>
bool is_last(Chunk chunk, std::size_t samples) {
    return chunk.end == samples && chunk.sweeps.end == Form::kSweeps;
}

/// take(first sample, depth, first block) for every piece of the chunk.
template <class Take>
void for_pieces(const GradientCut& g, Chunk chunk, const Take& take) {
    std::size_t block = 0;
    for (std::size_t s = chunk.begin; s < chunk.end; s += g.piece, block += g.piece_blocks)
        take(s, smaller_of(g.piece, chunk.end - s), block);
}

/// The tree's sum in a stack of tiles, into dw.
inline void finish_tile(float* stack, std::size_t units, std::size_t tile_floats, std::size_t rows,
                        std::size_t cols, Rows dw) {
    std::size_t height = static_cast<std::size_t>(__builtin_popcountll(units));
    for (; height > 1; --height)
        add_tile(stack + (height - 2) * tile_floats, stack + (height - 1) * tile_floats, rows);
    copy_rows(stack, kBf16PanelCols, rows, cols, dw);
}

/// One tile's share of a chunk: `at` is the tile's place in dw, `stack` is as the chunks before have left it;
/// of one unit it may be dw itself.
template <class Engine>
void gradient_tile(const Bf16GradientTask& t, const GradientCut& g, Chunk chunk, const TileRange& at,
                   ATile tile, const typename Engine::Value* a, const std::uint32_t* b, Rows stack) {
    constexpr std::size_t kTile = Engine::kTileRows * kBf16PanelCols;
    std::size_t block = 0;
    for (std::size_t s = chunk.begin; s < chunk.end;) {
        const std::size_t unit = s / g.unit;
        const std::size_t unit_end = smaller_of(t.product.samples, (unit + 1) * g.unit);
        const std::size_t end = smaller_of(chunk.end, unit_end);
        BlockRun run = run_of(chunk.sweeps, end - s, s == unit * g.unit && chunk.sweeps.begin == 0);
        if (g.unit != g.leaf) {
            const bool alone = end - s <= g.leaf;
            run = {chunk.sweeps, alone ? std::size_t{1} : std::size_t{2}, needed_pairs(g.leaf),
                   needed_pairs(alone ? end - s : end - s - g.leaf), true};
        }
        std::size_t height = static_cast<std::size_t>(__builtin_popcountll(unit));
        tile.first_block = block;
        const Rows top{stack.data + height * kTile, stack.stride};
        Engine::add(tile, a, b + block * kBlock_pairs<Engine>, run, top);
        const bool complete = end == unit_end && chunk.sweeps.end == Engine::Form::kSweeps;
        if (Engine::Form::kParts > 1 && complete && t.leaf_done != nullptr)
            t.leaf_done(t.context, unit, at, top);
        for (std::size_t ones = unit; complete && (ones & 1) != 0; ones >>= 1, --height)
            add_tile(stack.data + (height - 1) * kTile, stack.data + height * kTile, tile.rows);
        block += g.unit / g.leaf * g.piece_blocks;
        s = end;
    }
}

/// What of dw is in work, and the packed samples behind it.
template <class Engine>
struct GradientBlock {
    const Bf16GradientTask& task;
    const WeightGradientTask& t;
    const GradientCut& g;
    bool one_chunk;
    Piece cols, rows;
    std::size_t first_tile;  // of the rows within their group
    typename Engine::Value* a;
    std::uint32_t* b;
    float* stacks;

    void pack_b(Chunk chunk) const {
        for_pieces(g, chunk, [&](std::size_t s, std::size_t depth, std::size_t block) {
            pack_panels<typename Engine::Form>(
                {t.delta.data + s * t.delta.stride + cols.begin, t.delta.stride}, depth, cols.size, b,
                g.chunk_blocks, block);
        });
    }

    void run_tiles(Chunk chunk) const {
        constexpr std::size_t kTile = Engine::kTileRows * kBf16PanelCols;
        for_pieces(g, chunk, [&](std::size_t s, std::size_t depth, std::size_t block) {
            Engine::pack({{t.x.data + s * t.x.stride + rows.begin, t.x.stride},
                          true,
                          rows.size,
                          depth,
                          g.chunk_blocks,
                          block},
                         a);
        });
        const std::size_t tiles = ceil_divide(rows.size, Engine::kTileRows);
        const std::size_t panels = ceil_divide(cols.size, kBf16PanelCols);
        for (std::size_t panel = 0; panel < panels; ++panel) {
            const std::size_t col = panel * kBf16PanelCols;
            for (std::size_t i = 0; i < tiles; ++i) {
                const Piece tile = tile_rows<Engine>(rows.size, tiles, i);
                const ATile of_a{true, rows.size, g.chunk_blocks, 0, tile.begin, tile.size};
                const std::uint32_t* of_b = b + panel * g.chunk_blocks * kBlock_pairs<Engine>;
                const Rows dw{t.dw.data + (rows.begin + tile.begin) * t.dw.stride + cols.begin + col,
                              t.dw.stride};
                const std::size_t width = smaller_of(kBf16PanelCols, cols.size - col);
                const TileRange at{rows.begin + tile.begin, tile.size, cols.begin + col, width};
                if (g.units == 1 && one_chunk && is_whole<Engine>(tile.size, width)) {
                    gradient_tile<Engine>(task, g, chunk, at, of_a, a, of_b, dw);
                    continue;
                }
                const std::size_t slot = one_chunk ? 0 : (first_tile + i) * panels + panel;
                float* stack = stacks + slot * g.levels * kTile;
                gradient_tile<Engine>(task, g, chunk, at, of_a, a, of_b, {stack, kBf16PanelCols});
                if (is_last<typename Engine::Form>(chunk, t.samples))
                    finish_tile(stack, g.units, kTile, tile.size, width, dw);
            }
            t.pause.take();
        }
    }
};

template <class Engine>
void blocked_gradient(const Bf16GradientTask& task) {
    const WeightGradientTask& t = task.product;
    if (t.inputs == 0 || t.outputs == 0) return;
    constexpr std::size_t kTile = Engine::kTileRows * kBf16PanelCols;
    const GradientCut g = cut_samples<typename Engine::Form>(t.samples, t.leaf);
    using Form = typename Engine::Form;
    const bool one_chunk = is_last<Form>(first_chunk<Form>(g, t.samples), t.samples);
    std::size_t panels = smaller_of(ceil_divide(t.outputs, kBf16PanelCols),
                                    kB_floats / (g.chunk_blocks * kBlock_pairs<Engine>));
    std::size_t group_tiles = ceil_divide(t.inputs, Engine::kTileRows);
    if (!one_chunk) {
        // A stack for every tile between the chunks.
        panels = smaller_of(panels, 8);
        group_tiles = smaller_of(group_tiles, kStacks_floats / (g.levels * kTile * panels));
    }
    const std::size_t block_tiles = most_rows<Engine>(true, g.chunk_blocks) / Engine::kTileRows;
    [[maybe_unused]] const typename Engine::Session session{};
    GradientBlock<Engine> block{task,
                                t,
                                g,
                                one_chunk,
                                {},
                                {},
                                0,
                                reinterpret_cast<typename Engine::Value*>(t.scratch),
                                reinterpret_cast<std::uint32_t*>(t.scratch + kA_floats),
                                t.scratch + kA_floats + kB_floats};
    for (std::size_t col = 0; col < t.outputs; col += panels * kBf16PanelCols) {
        block.cols = {col, smaller_of(panels * kBf16PanelCols, t.outputs - col)};
        for (std::size_t group = 0; group < t.inputs; group += group_tiles * Engine::kTileRows) {
            const std::size_t group_end = smaller_of(t.inputs, group + group_tiles * Engine::kTileRows);
            for (Chunk chunk = first_chunk<Form>(g, t.samples);;
                 chunk = next_chunk<Form>(g, t.samples, chunk)) {
                block.pack_b(chunk);
                block.first_tile = 0;
                for (std::size_t row = group; row < group_end; row += block_tiles * Engine::kTileRows) {
                    block.rows = {row, smaller_of(block_tiles * Engine::kTileRows, group_end - row)};
                    block.run_tiles(chunk);
                    block.first_tile += block_tiles;
                }
                if (is_last<Form>(chunk, t.samples)) break;
            }
        }
    }
}

}  // namespace
}  // namespace lockstep
