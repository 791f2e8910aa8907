// Element-wise and row-wise operations with the same bits on every instruction set.
//
// Source of the polynomials: S. Moshier, Cephes (expf, logf, tanhf), evaluated with explicit FMAs.
#pragma once

#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/base/integers.h"
#include "core/base/matrix.h"

namespace lockstep {

/// y[i] = exp(x[i]), log(x[i]), 1 / (1 + exp(-x[i])). In place allowed. Accuracy: core/README.md.
void exp_values(std::span<const float> x, std::span<float> y);
void log_values(std::span<const float> x, std::span<float> y);
void sigmoid_values(std::span<const float> x, std::span<float> y);

/// values = f(values), element-wise, in place.
void activate(Activation f, Matrix values);

/// delta = delta ⊙ f'(y), where y = f(ξ). Where a relu's derivative is 0 the result is +0, whatever delta.
/// Shapes: y, delta (b, out).
void multiply_by_derivative(Activation f, ConstMatrix y, Matrix delta);

/// probability = softmax of each row; log_sum[r] = log Σ_c exp(potential[r][c]), about the row's maximum.
/// A row's sum has sixteen chains, chain l over the columns c ≡ l (mod 16) ascending from +0, added as a
/// balanced tree: (l, l + 8), then (l, l + 4), (l, l + 2), (l, l + 1). A division by it ends.
/// Shapes: potential, probability (b, classes), log_sum (b). In place allowed.
void softmax_rows(ConstMatrix potential, Matrix probability, std::span<float> log_sum);

/// into[i] = into[i] + from[i]: one addition of the leaf tree. Equal sizes.
void add_values(std::span<float> into, std::span<const float> from);

/// True when no value is NaN or infinite.
bool all_finite(std::span<const float> values);

/// into[i] = fma(factor, from[i], into[i]). Equal sizes.
void add_scaled(std::span<float> into, float factor, std::span<const float> from);

/// values[i] = values[i] · factor.
void scale_values(std::span<float> values, float factor);

/// Σ values², in double, whose squares of floats are exact. The values are cut into blocks of kSquareBlock; a
/// block has sixteen chains, as a row of softmax_rows; the blocks are added by the tree of leaf_tree.h. So
/// the sum depends on the values alone. Requires block_sums of square_blocks(values.size()), which it
/// overwrites.
inline constexpr std::size_t kSquareBlock = 4096;
constexpr std::size_t square_blocks(std::size_t count) { return ceil_divide(count, kSquareBlock); }
double square_sum(std::span<const float> values, std::span<double> block_sums);

}  // namespace lockstep
