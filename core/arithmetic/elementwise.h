// Element-wise and row-wise operations with the same bits on every instruction set.
//
// Source of the polynomials: S. Moshier, Cephes (expf, logf, tanhf), evaluated with explicit FMAs.
#pragma once

#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/base/matrix.h"

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

/// into[i] = fma(factor, from[i], into[i]). Equal sizes.
void add_scaled(std::span<float> into, float factor, std::span<const float> from);

/// values[i] = values[i] · factor.
void scale_values(std::span<float> values, float factor);

/// Σ values², in double, whose squares of floats are exact. The values are cut into blocks of kSquareBlock; a
/// block has sixteen chains, as a row of softmax_rows; the blocks are added by the tree of leaf_tree.h. So
/// the sum depends on the values alone. Requires block_sums of square_blocks(values.size()), which it
/// overwrites.
inline constexpr std::size_t kSquareBlock = 4096;
constexpr std::size_t square_blocks(std::size_t count) { return (count + kSquareBlock - 1) / kSquareBlock; }
double square_sum(std::span<const float> values, std::span<double> block_sums);

// The optimizers' steps, on any slice of the arenas. They begin with
//   g = gradient_sum · mean_factor            (mean_factor = 1 / samples of the batch)
//   g = fma(l2, w, g)                         where l2 is not 0: the gradient of l2/2 · Σ w²
// and "/root" below is a division by sqrt(r + epsilon) where epsilon_inside, else by sqrt(r) + epsilon.

/// One step of stochastic gradient descent with momentum:
///   Δ = fma(momentum, Δ, −(learning_rate · g))
///   w = w + Δ, or with Nesterov's momentum w = w + fma(momentum, Δ, −(learning_rate · g))
/// The latter holds the parameters at the point that Nesterov's rule looks ahead to, as in Sutskever et al.,
/// ICML 2013, rewritten by Bengio et al., 2013, equation 7.
struct SgdStep {
    float mean_factor;
    float learning_rate;
    float momentum;
    float l2 = 0.0F;
    bool nesterov = false;
};
void sgd_step(SgdStep step, std::span<const float> gradient_sum, std::span<float> delta, std::span<float> w);

/// One step of AdaGrad (Duchi et al., JMLR 2011; keep = gain = 1) or RMSProp (Hinton, 2012; keep = ρ,
/// gain = 1 − ρ):
///   r = fma(keep, r, gain · (g · g))
///   Δ = fma(momentum, Δ, −(learning_rate · g / root)),  w = w + Δ
/// `delta` is empty where momentum is 0: then w = w − learning_rate · g / root.
struct AdaptiveStep {
    float mean_factor;
    float learning_rate;
    float keep;
    float gain;
    float epsilon;
    bool epsilon_inside = true;
    float momentum = 0.0F;
    float l2 = 0.0F;
};
void adaptive_step(AdaptiveStep step, std::span<const float> gradient_sum, std::span<float> r,
                   std::span<float> delta, std::span<float> w);

/// One step of AdaDelta (Zeiler, 2012, algorithm 1; ε there is inside the roots):
///   r = fma(rho, r, (1 − rho) · (g · g))
///   d = sqrt(s + epsilon) / sqrt(r + epsilon) · g
///   s = fma(rho, s, (1 − rho) · (d · d)),  w = fma(−learning_rate, d, w)
struct AdadeltaStep {
    float mean_factor;
    float learning_rate;
    float rho;
    float epsilon;
    float l2 = 0.0F;
};
void adadelta_step(AdadeltaStep step, std::span<const float> gradient_sum, std::span<float> r,
                   std::span<float> s, std::span<float> w);

/// One step of Adam (Kingma and Ba, 2015, algorithm 1), the bias corrections given by the caller:
///   m = fma(beta1, m, (1 − beta1) · g);  v = fma(beta2, v, (1 − beta2) · (g · g))
///   w = w · shrink − learning_rate · (m · correction1) / root, the root of r = v · correction2
/// with (1 − beta) computed once in float and the division IEEE's. AdamW (Loshchilov and Hutter, ICLR 2019)
/// has shrink = 1 − learning_rate · weight_decay.
struct AdamStep {
    float mean_factor;
    float learning_rate;
    float beta1;
    float beta2;
    float epsilon;
    float correction1;  ///< 1 / (1 − beta1^t)
    float correction2;  ///< 1 / (1 − beta2^t)
    float shrink = 1.0F;
    bool epsilon_inside = false;
    float l2 = 0.0F;
};
void adam_step(AdamStep step, std::span<const float> gradient_sum, std::span<float> m, std::span<float> v,
               std::span<float> w);

/// The direction of a step of LAMB (You et al., ICLR 2020, algorithm 2), before the layer's norms scale it:
/// m and v as in adam_step without l2, direction = fma(weight_decay, w, (m · correction1) / root).
struct LambDirection {
    float mean_factor;
    float beta1;
    float beta2;
    float epsilon;
    float correction1;
    float correction2;
    float weight_decay;
    bool epsilon_inside = false;
};
void lamb_direction(LambDirection step, std::span<const float> gradient_sum, std::span<const float> w,
                    std::span<float> m, std::span<float> v, std::span<float> direction);

}  // namespace lockstep
