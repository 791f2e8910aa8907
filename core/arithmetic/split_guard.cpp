// The rule for split operands, and the mending of what it forbids.
#include "core/arithmetic/split_guard.h"

#include <bit>
#include <cmath>

#include "core/base/leaf_tree.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

/// Values below which another thread costs more than it brings.
constexpr std::size_t kGrain_values = std::size_t{1} << 16;

/// fma(a[k], b[k], acc) from +0, the factors a_step and b_step floats apart.
float fp32_chain(const float* a, std::size_t a_step, const float* b, std::size_t b_step, std::size_t depth) {
    float sum = 0.0F;
    for (std::size_t k = 0; k < depth; ++k) sum = std::fma(a[k * a_step], b[k * b_step], sum);
    return sum;
}

/// Kept from one product to the next, lest each allocate.
MagnitudeRanges& kept_rows() {
    thread_local MagnitudeRanges rows;
    return rows;
}

}  // namespace

bool split_is_faithful(MagnitudeRange a, MagnitudeRange b, std::size_t depth) {
    const auto exponent = [](std::int32_t bits) { return (bits >> 23) - 127; };
    // Rounded to bf16, a value just below 2^128 would be Inf.
    constexpr int kMostExponent = 126;
    if (std::max(exponent(a.largest), exponent(b.largest)) > kMostExponent) return false;
    if (a.largest == kNoLargest || b.largest == kNoLargest) return true;  // all zeros
    // The error of a flushed part or product is below 2^-126: some 2^-24 of the least values and products.
    constexpr int kLeastExponent = -102;
    constexpr int kLeastProduct = -100;
    const int depth_bits = static_cast<int>(std::bit_width(depth));
    return exponent(a.least) >= kLeastExponent && exponent(b.least) >= kLeastExponent &&
           exponent(a.least) + exponent(b.least) >= kLeastProduct &&
           exponent(a.largest) + exponent(b.largest) + 2 + depth_bits <= kMostExponent;
}

ProductGuard::ProductGuard(ConstMatrix a, const UnsplitOperand& b) : a_(a), b_(b), of_rows_(kept_rows()) {
    of_rows_.reset(a.rows);
    const Bf16Kernels& k = bf16_kernels(Bf16Form::kSplit);
    share_range(a.rows, kGrain_values / (a.cols + 1) + 1, 1, [&](std::size_t begin, std::size_t end) {
        k.find_magnitudes({.rows = end - begin,
                           .cols = a.cols,
                           .m = {a.data + begin * a.stride, a.stride},
                           .of_rows = of_rows_.from(begin),
                           .of_cols = {}});
    });
}

void ProductGuard::mend(const TileRange& part, Matrix c) const {
    const std::size_t depth = a_.cols;
    const MagnitudeRange all_cols = b_.of_cols->overall(part.col, part.cols);
    for (std::size_t r = part.row; r < part.row + part.rows; ++r) {
        if (split_is_faithful(of_rows_[r], all_cols, depth)) continue;
        for (std::size_t col = part.col; col < part.col + part.cols; ++col) {
            if (split_is_faithful(of_rows_[r], (*b_.of_cols)[col], depth)) continue;
            c(r, col) =
                fp32_chain(a_.data + r * a_.stride, 1, b_.data + col * b_.col_step, b_.depth_step, depth);
        }
    }
}

GradientGuard::Leaves& GradientGuard::kept() {
    thread_local Leaves leaves;
    return leaves;
}

GradientGuard::GradientGuard(ConstMatrix x, ConstMatrix delta, std::size_t leaf)
    : x_(x), delta_(delta), leaf_(leaf), leaves_(kept()) {
    const std::size_t leaves = leaf_count(x.rows, leaf);
    leaves_.of_x.reset(leaves * x.cols);
    leaves_.of_delta.reset(leaves * delta.cols);
    leaves_.faithful.assign(leaves, 0);
    const std::size_t leaf_values = std::min(leaf, x.rows) * (x.cols + delta.cols);
    share_range(leaves, kGrain_values / (leaf_values + 1) + 1, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t l = begin; l < end; ++l) look_at(l);
    });
}

void GradientGuard::look_at(std::size_t l) {
    const Bf16Kernels& k = bf16_kernels(Bf16Form::kSplit);
    const auto look = [&](ConstMatrix m, MagnitudeRanges& ranges) {
        k.find_magnitudes({.rows = samples(l),
                           .cols = m.cols,
                           .m = {m.data + l * leaf_ * m.stride, m.stride},
                           .of_rows = {},
                           .of_cols = ranges.from(l * m.cols)});
        return ranges.overall(l * m.cols, m.cols);
    };
    const MagnitudeRange all_x = look(x_, leaves_.of_x);
    const MagnitudeRange all_delta = look(delta_, leaves_.of_delta);
    leaves_.faithful[l] = split_is_faithful(all_x, all_delta, samples(l)) ? 1 : 0;
}

void GradientGuard::mend(std::size_t l, const TileRange& tile, const Rows& values) const {
    if (leaves_.faithful[l] != 0) return;
    const float* x = x_.data + l * leaf_ * x_.stride;
    const float* delta = delta_.data + l * leaf_ * delta_.stride;
    for (std::size_t r = 0; r < tile.rows; ++r) {
        const std::size_t i = tile.row + r;
        for (std::size_t c = 0; c < tile.cols; ++c) {
            const std::size_t o = tile.col + c;
            const MagnitudeRange of_x = leaves_.of_x[l * x_.cols + i];
            const MagnitudeRange of_delta = leaves_.of_delta[l * delta_.cols + o];
            if (split_is_faithful(of_x, of_delta, samples(l))) continue;
            values.data[r * values.stride + c] =
                fp32_chain(x + i, x_.stride, delta + o, delta_.stride, samples(l));
        }
    }
}

}  // namespace lockstep
