// The innermost loops of the products: one tile of the result in registers, its chains over k side by side.
// The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

namespace lockstep {
namespace {

/// Registers across a tile. Two: with kMaxTileRows rows the accumulators, two of b and one of a fill the
/// file.
constexpr int kMaxTileVecs = 2;
constexpr std::size_t kPanelCols = kMaxTileVecs * kLanes;

/// Rows of a strided matrix that are fetched ahead of their use: about what a third-level cache takes to
/// answer.
constexpr std::size_t kRowsAhead = 24;

/// Where a tile finds its rows of a.
enum class AForm {
    kByDepth,  ///< row r at a[k * a_step + r]: packed, or the caller's (depth, rows) matrix
    kByRow,    ///< row r at a[r * a_step + k]: the caller's (rows, depth) matrix
};

/// Where a tile finds its columns of b.
enum class BForm {
    kPacked,   ///< a packed panel: whole registers, padded with zeros
    kDirect,   ///< the caller's matrix
    kPackNow,  ///< the caller's matrix, leaving a packed panel behind for the tiles below
};

struct TileTask {
    const float* a;  // see AForm
    std::size_t a_step;
    const float* b;  // (depth, cols): row k at b + k * b_step
    std::size_t b_step;
    float* packed_b;  // (depth, whole registers), written by kPackNow
    std::size_t depth;
    float* c;  // (rows, cols)
    std::size_t c_stride;
    const float* next_c;  // the tile after this one, to be fetched meanwhile
    Mask last;            // columns of the last register that exist
    bool first_depth;     // plain product: the chains start at +0 here, and do not go on from c

    // Weight gradient only.
    std::size_t leaf;
    float* stack;              // one tile for each level of the tree within this depth block
    float* outer_stack;        // the same for the tree over depth blocks
    std::size_t depth_blocks;  // finished before this one
    bool last_depth;
};

/// acc = fma(a[k], b[k], acc) for k in [first, first + depth), over a tile of kRows rows and kVecs registers.
template <int kRows, int kVecs, AForm kAForm, BForm kBForm>
[[gnu::always_inline]] inline void multiply(const TileTask& t, std::size_t first, std::size_t depth,
                                            Vec (&acc)[kRows][kVecs]) {
    constexpr bool kByRows = kAForm == AForm::kByRow;
    const std::size_t a_step = t.a_step;
    const float* a = t.a + first * (kByRows ? 1 : a_step);
    const float* b = t.b + first * t.b_step;
    float* packed = t.packed_b;
    if constexpr (kBForm == BForm::kPackNow) packed += first * (kVecs * kLanes);
    // Rows of a strided matrix: one pointer for three rows, whose offsets 0, 1 and 2 strides are addressing
    // modes.
    constexpr int kPointers = (kRows + 2) / 3;
    const float* rows[kPointers];
    if constexpr (kByRows) {
        for (int p = 0; p < kPointers; ++p) rows[p] = a + static_cast<std::size_t>(3 * p) * a_step;
    }
    for (std::size_t k = 0; k < depth; ++k) {
        if constexpr (kBForm != BForm::kPacked) {
            // The strided rows of b lie on pages of their own, which the CPU does not fetch ahead by itself.
            const float* later = b + kRowsAhead * t.b_step;
            constexpr std::size_t kLine_floats = 16;
            for (std::size_t c = 0; c < kVecs * kLanes; c += kLine_floats) __builtin_prefetch(later + c);
            __builtin_prefetch(later + kVecs * kLanes - 1);
        }
        Vec b_row[kVecs];
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) {
            const bool whole = kBForm == BForm::kPacked || v + 1 < kVecs;
            b_row[v] = whole ? load(b + v * kLanes) : load(b + v * kLanes, t.last);
            if constexpr (kBForm == BForm::kPackNow) store(packed + v * kLanes, b_row[v]);
        }
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
            const Vec value =
                broadcast(kByRows ? rows[r / 3][static_cast<std::size_t>(r % 3) * a_step] : a[r]);
#pragma GCC unroll 4
            for (int v = 0; v < kVecs; ++v) acc[r][v] = fma(value, b_row[v], acc[r][v]);
        }
        if constexpr (kByRows) {
#pragma GCC unroll 8
            for (int p = 0; p < kPointers; ++p) ++rows[p];
        } else {
            a += a_step;
        }
        b += t.b_step;
        if constexpr (kBForm == BForm::kPackNow) packed += kVecs * kLanes;
    }
}

/// Asks for the next tile's lines of c now: they arrive while this tile's chains run.
template <int kRows, int kVecs>
[[gnu::always_inline]] inline void fetch_next(const TileTask& t) {
    constexpr int kSecondLevel = 2;  // the first one may lack the ways for rows a power of two apart
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
        const float* c = t.next_c + static_cast<std::size_t>(r) * t.c_stride;
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) __builtin_prefetch(c + v * kLanes, 1, kSecondLevel);
    }
}

template <int kRows, int kVecs>
[[gnu::always_inline]] inline void store_tile(const TileTask& t, const Vec (&acc)[kRows][kVecs]) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
        float* c = t.c + static_cast<std::size_t>(r) * t.c_stride;
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) {
            if (v + 1 < kVecs) {
                store(c + v * kLanes, acc[r][v]);
            } else {
                store(c + v * kLanes, acc[r][v], t.last);
            }
        }
    }
}

/// A tile of a plain product: its chains over this depth block.
template <int kRows, int kVecs, AForm kAForm, BForm kBForm>
void product_tile(const TileTask& t) {
    Vec acc[kRows][kVecs];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
        const float* c = t.c + static_cast<std::size_t>(r) * t.c_stride;
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) {
            acc[r][v] = zero();
            if (!t.first_depth)
                acc[r][v] = v + 1 < kVecs ? load(c + v * kLanes) : load(c + v * kLanes, t.last);
        }
    }
    fetch_next<kRows, kVecs>(t);
    multiply<kRows, kVecs, kAForm, kBForm>(t, 0, t.depth, acc);
    store_tile<kRows, kVecs>(t, acc);
}

/// A tile of a weight gradient: each leaf its own chain, the leaves added by the tree of leaf_tree.h.
///
/// The tree is walked as a binary counter: the stack holds the sums of the whole subtrees to the left,
/// largest at the bottom, as the ones in the number of finished leaves. A finished leaf closes as many of
/// them as that number has trailing ones; after the last leaf the rest close from the top down, which is the
/// tree's right edge. A depth block holds a power of two of leaves, so it is a node, and the blocks are
/// counted in the same way.
template <int kRows, int kVecs, AForm kAForm, BForm kBForm>
void gradient_tile(const TileTask& t) {
    Vec acc[kRows][kVecs];
    constexpr int kTile = kRows * kVecs;
    constexpr std::size_t kLevel = static_cast<std::size_t>(kTile) * kLanes;
    const auto add_level = [&](const float* level) __attribute__((always_inline)) {
#pragma GCC unroll 32
        for (int i = 0; i < kTile; ++i)
            acc[i / kVecs][i % kVecs] += load(level + static_cast<std::size_t>(i) * kLanes);
    };
    const auto store_level = [&](float* level) __attribute__((always_inline)) {
#pragma GCC unroll 32
        for (int i = 0; i < kTile; ++i)
            store(level + static_cast<std::size_t>(i) * kLanes, acc[i / kVecs][i % kVecs]);
    };
    fetch_next<kRows, kVecs>(t);
    float* top = t.stack;
    std::size_t first = 0;
    for (std::size_t finished = 0;; ++finished) {
#pragma GCC unroll 32
        for (int i = 0; i < kTile; ++i) acc[i / kVecs][i % kVecs] = zero();
        const std::size_t depth = t.depth - first < t.leaf ? t.depth - first : t.leaf;
        multiply<kRows, kVecs, kAForm, kBForm>(t, first, depth, acc);
        first += depth;
        for (std::size_t ones = finished; (ones & 1) != 0; ones >>= 1) add_level(top -= kLevel);
        if (first == t.depth) break;
        store_level(top);
        top += kLevel;
    }
    while (top != t.stack) add_level(top -= kLevel);

    float* outer = t.outer_stack + static_cast<std::size_t>(__builtin_popcountll(t.depth_blocks)) * kLevel;
    for (std::size_t ones = t.depth_blocks; (ones & 1) != 0; ones >>= 1) add_level(outer -= kLevel);
    if (!t.last_depth) {
        store_level(outer);
        return;
    }
    while (outer != t.outer_stack) add_level(outer -= kLevel);
    store_tile<kRows, kVecs>(t, acc);
}

using Tile = void (*)(const TileTask&);

enum class TileKind { kProduct, kGradient };

template <TileKind kKind, int kVecs, AForm kAForm, BForm kBForm, int kRows = kMaxTileRows>
Tile tile_of_rows(std::size_t rows) {
    if constexpr (kRows > 1) {
        if (rows < kRows) return tile_of_rows<kKind, kVecs, kAForm, kBForm, kRows - 1>(rows);
    }
    if constexpr (kKind == TileKind::kProduct) return product_tile<kRows, kVecs, kAForm, kBForm>;
    return gradient_tile<kRows, kVecs, kAForm, kBForm>;
}

template <TileKind kKind, AForm kAForm, BForm kBForm>
Tile tile_of_vecs(std::size_t rows, std::size_t vecs) {
    return vecs == 1 ? tile_of_rows<kKind, 1, kAForm, kBForm>(rows)
                     : tile_of_rows<kKind, 2, kAForm, kBForm>(rows);
}

template <TileKind kKind, AForm kAForm>
Tile tile_of_b(std::size_t rows, std::size_t vecs, BForm b) {
    if (b == BForm::kPacked) return tile_of_vecs<kKind, kAForm, BForm::kPacked>(rows, vecs);
    if (b == BForm::kDirect) return tile_of_vecs<kKind, kAForm, BForm::kDirect>(rows, vecs);
    return tile_of_vecs<kKind, kAForm, BForm::kPackNow>(rows, vecs);
}

/// The kernel of a tile of `rows` rows, 1 to kMaxTileRows, and one or two registers across. A weight
/// gradient's a is always by depth.
template <TileKind kKind>
Tile find_tile(std::size_t rows, std::size_t vecs, AForm a, BForm b) {
    if constexpr (kKind == TileKind::kProduct) {
        if (a == AForm::kByRow) return tile_of_b<kKind, AForm::kByRow>(rows, vecs, b);
    }
    return tile_of_b<kKind, AForm::kByDepth>(rows, vecs, b);
}

}  // namespace
}  // namespace lockstep
