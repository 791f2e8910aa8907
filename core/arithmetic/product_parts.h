// What all products share: the dealing of a result's rows and columns to threads, each thread's memory, and
// how a gradient begins.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/base/integers.h"
#include "core/base/matrix.h"
#include "core/base/threads.h"

namespace lockstep {

/// Packing memory of the calling thread, kScratch_floats of it: allocated at its first product, then kept.
float* product_scratch();

/// What a gradient of weights begins with: checks the shapes x (samples, inputs), delta (samples, outputs),
/// dw (inputs, outputs) and leaf > 0, throwing std::invalid_argument; without samples sets dw to +0 and
/// returns false: there is nothing to add up.
bool begin_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw);

/// A part of a result, for one thread. Columns begin at multiples of 32.
struct ResultPart {
    std::size_t row, rows, col, cols;
};

/// Below this many multiplications per thread, waking a thread costs more than it brings.
inline constexpr std::size_t kMultiplicationsPerThread = std::size_t{1} << 19;

/// work(part) on parts of a (rows, cols) result whose elements are chains of `depth`, one part a thread. The
/// grid of threads is the one whose largest part has the fewest tiles; among equals, the one that reads the
/// least.
template <class Work>
void share_result(std::size_t rows, std::size_t cols, std::size_t depth, const Work& work) {
    // Parts end on whole tiles of the widest kernel's columns and about its rows.
    constexpr std::size_t kTileRows = 14;
    constexpr std::size_t kTileCols = 32;
    if (rows == 0 || cols == 0) return;
    const std::size_t multiplications = rows * cols * std::max<std::size_t>(depth, 1);
    const std::size_t useful = std::max<std::size_t>(multiplications / kMultiplicationsPerThread, 1);
    const std::size_t threads = std::min(static_cast<std::size_t>(thread_count()), useful);
    if (threads == 1) {
        work(ResultPart{0, rows, 0, cols});
        return;
    }
    const std::size_t row_tiles = ceil_divide(rows, kTileRows);
    const std::size_t col_tiles = ceil_divide(cols, kTileCols);
    std::size_t grid_rows = 1;
    std::size_t least_tiles = static_cast<std::size_t>(-1);
    std::size_t least_read = static_cast<std::size_t>(-1);
    for (std::size_t r = 1; r <= threads; ++r) {
        const std::size_t c = threads / r;
        const std::size_t part_rows = ceil_divide(row_tiles, r);
        const std::size_t part_cols = ceil_divide(col_tiles, c);
        const std::size_t tiles = part_rows * part_cols;
        const std::size_t read = part_rows * kTileRows + part_cols * kTileCols;
        if (tiles < least_tiles || (tiles == least_tiles && read < least_read)) {
            grid_rows = r;
            least_tiles = tiles;
            least_read = read;
        }
    }
    const std::size_t grid_cols = threads / grid_rows;
    run_parts(static_cast<int>(grid_rows * grid_cols), [&](int index) {
        const std::size_t r = static_cast<std::size_t>(index) / grid_cols;
        const std::size_t c = static_cast<std::size_t>(index) % grid_cols;
        const std::size_t row = rows * r / grid_rows;
        const std::size_t row_end = rows * (r + 1) / grid_rows;
        const std::size_t col = std::min(cols, col_tiles * c / grid_cols * kTileCols);
        const std::size_t col_end = std::min(cols, col_tiles * (c + 1) / grid_cols * kTileCols);
        if (row < row_end && col < col_end) work(ResultPart{row, row_end - row, col, col_end - col});
    });
}

}  // namespace lockstep
