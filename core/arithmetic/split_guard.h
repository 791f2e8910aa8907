// Which sums of a product may be made of split operands, and what the others are made of.
//
// A split keeps a float's bits only while its parts and their products are normal numbers: Inf and NaN have
// no parts, large values overflow, and tiny ones lose their low parts. So a sum is made of split operands
// only where the magnitudes in its row of a and in its column of b say that nothing can be lost; else it is
// fp32's chain, fma(a[k], b[k], acc) from +0 with k ascending. That depends on the sum's own operands alone,
// so its bits do not depend on how the product was cut.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/base/matrix.h"

namespace lockstep {

/// The largest and the least magnitude among some values, in the bits of kernels' Magnitudes.
struct MagnitudeRange {
    std::int32_t largest = kNoLargest;
    std::int32_t least = kNoLeast;
};

/// The ranges of many runs of values.
class MagnitudeRanges {
  public:
    /// Forgets what it held. Allocates where `count` is the largest so far.
    void reset(std::size_t count) {
        largest_.assign(count, kNoLargest);
        least_.assign(count, kNoLeast);
    }
    [[nodiscard]] std::size_t size() const { return largest_.size(); }
    /// Of run `first` and those behind it.
    Magnitudes from(std::size_t first) { return {largest_.data() + first, least_.data() + first}; }
    [[nodiscard]] MagnitudeRange operator[](std::size_t i) const { return {largest_[i], least_[i]}; }
    /// Over the runs [first, first + count).
    [[nodiscard]] MagnitudeRange overall(std::size_t first, std::size_t count) const {
        MagnitudeRange all;
        for (std::size_t i = first; i < first + count; ++i) {
            all.largest = std::max(all.largest, largest_[i]);
            all.least = std::min(all.least, least_[i]);
        }
        return all;
    }
    /// Takes the ranges of the runs from `first` on over those that are there.
    void widen(std::size_t first, std::span<const std::int32_t> largest,
               std::span<const std::int32_t> least) {
        for (std::size_t i = 0; i < largest.size(); ++i) {
            largest_[first + i] = std::max(largest_[first + i], largest[i]);
            least_[first + i] = std::min(least_[first + i], least[i]);
        }
    }

  private:
    std::vector<std::int32_t> largest_, least_;
};

/// Whether sums of `depth` products of values in the one range by values in the other may be made of split
/// operands.
bool split_is_faithful(MagnitudeRange a, MagnitudeRange b, std::size_t depth);

/// A right operand (depth, cols) that was split, as it is: element (k, col) at
/// data[k * depth_step + col * col_step].
struct UnsplitOperand {
    const float* data;
    std::size_t depth_step, col_step;
    const MagnitudeRanges* of_cols;
};

/// Mends the sums of c = a · b, made of split operands.
class ProductGuard {
  public:
    /// `a` and `b` must outlive the guard. One guard at a time on a thread.
    ProductGuard(ConstMatrix a, const UnsplitOperand& b);

    /// Makes the sums in `part` of c fp32's where the split would spoil them. From any thread.
    void mend(const TileRange& part, Matrix c) const;

  private:
    ConstMatrix a_;
    UnsplitOperand b_;
    MagnitudeRanges& of_rows_;
};

/// Mends the leaves of dw = tree over leaves of xᵀ · delta, each a product of its own.
class GradientGuard {
  public:
    /// `x` and `delta` must outlive the guard. One guard at a time on a thread.
    GradientGuard(ConstMatrix x, ConstMatrix delta, std::size_t leaf);

    /// Makes leaf l's own sums in `tile` of dw, in `values`, fp32's where the split would spoil them. From
    /// any thread.
    void mend(std::size_t l, const TileRange& tile, const Rows& values) const;

  private:
    struct Leaves {
        MagnitudeRanges of_x, of_delta;      // (leaves, columns)
        std::vector<std::uint8_t> faithful;  // (leaves) every sum
    };
    static Leaves& kept();
    void look_at(std::size_t l);
    [[nodiscard]] std::size_t samples(std::size_t l) const { return std::min(leaf_, x_.rows - l * leaf_); }

    ConstMatrix x_, delta_;
    std::size_t leaf_;
    Leaves& leaves_;
};

}  // namespace lockstep
