// Element-wise and row-wise operations with the same bits on every instruction set.
//
// Source of the polynomials: S. Moshier, Cephes (expf, logf, tanhf), evaluated with explicit FMAs.
#pragma once

#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/arithmetic/matrix.h"

namespace lockstep {

/// y[i] = exp(x[i]), log(x[i]), tanh(x[i]), 1 / (1 + exp(-x[i])). In place allowed. Accuracy: core/README.md.
void exp_values(std::span<const float> x, std::span<float> y);
void log_values(std::span<const float> x, std::span<float> y);
void tanh_values(std::span<const float> x, std::span<float> y);
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

/// One step of stochastic gradient descent with momentum, on any slice of the arenas:
///   g  = gradient_sum · mean_factor            (mean_factor = 1 / samples of the batch)
///   Δ  = fma(momentum, Δ, −(learning_rate · g))
///   w  = w + Δ
struct SgdStep {
    float mean_factor;
    float learning_rate;
    float momentum;
};
void sgd_step(SgdStep step, std::span<const float> gradient_sum, std::span<float> delta, std::span<float> w);

/// One step of Adam (Kingma and Ba, 2015, algorithm 1), the bias corrections given by the caller:
///   g = gradient_sum · mean_factor
///   m = fma(beta1, m, (1 − beta1) · g);  v = fma(beta2, v, (1 − beta2) · (g · g))
///   w = w − learning_rate · (m · correction1) / (sqrt(v · correction2) + epsilon)
/// with (1 − beta) computed once in float and the division IEEE's.
struct AdamStep {
    float mean_factor;
    float learning_rate;
    float beta1;
    float beta2;
    float epsilon;
    float correction1;  ///< 1 / (1 − beta1^t)
    float correction2;  ///< 1 / (1 − beta2^t)
};
void adam_step(AdamStep step, std::span<const float> gradient_sum, std::span<float> m, std::span<float> v,
               std::span<float> w);

}  // namespace lockstep
