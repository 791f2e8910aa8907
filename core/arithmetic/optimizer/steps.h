// The optimizers' steps, each a plain struct of its numbers with its formula, on any slice of the arenas.
//
// A formula is written once, for one value and for a register of values alike: it is a template over `at`,
// the place at hand, which scalar_steps.cpp and simd_steps.h give it. So every instruction set does the same
// operations in the same order.
//   at.gradient_sum(), at.w(), at.state(k)   the value there; set_w, set_state: the new one
//   at.all(x)                                the number x, of the step, beside those values
//   at.fma(a, b, c), at.square_root(v)       a · b + c, rounded once; √v
// A new step is a struct here and its name in StepKernels.
//
// All begin with
//   g = gradient_sum · mean_factor            (mean_factor = 1 / samples of the batch)
//   g = fma(l2, w, g)                         where l2 is not 0: the gradient of l2/2 · Σ w²
// and "/root" below is a division by sqrt(r + epsilon) where epsilon_inside, else by sqrt(r) + epsilon.
//
// The files compiled for a wider instruction set include this header, so it may hold nothing but plain data
// and such templates, whose `at` is of an anonymous namespace: see kernels.h.
#pragma once

#include <cstddef>

namespace lockstep {

/// The batch's mean gradient, with that of the L2 term where the step has one.
template <class Step, class At>
auto mean_gradient(const Step& step, const At& at) {
    const auto g = at.gradient_sum() * at.all(step.mean_factor);
    return step.l2 == 0.0F ? g : at.fma(at.all(step.l2), at.w(), g);
}

template <class Step, class At, class Value>
auto root_of(const Step& step, const At& at, Value r) {
    const auto epsilon = at.all(step.epsilon);
    return step.epsilon_inside ? at.square_root(r + epsilon) : at.square_root(r) + epsilon;
}

/// Adam's moments with their bias corrected, m kept in state 0 and v in state 1:
///   m = fma(beta1, m, (1 − beta1) · g);  v = fma(beta2, v, (1 − beta2) · (g · g))
/// with (1 − beta) computed in float.
template <class Step, class At, class Value>
auto next_mean(const Step& step, const At& at, Value g) {
    const auto m = at.fma(at.all(step.beta1), at.state(0), at.all(1.0F - step.beta1) * g);
    at.set_state(0, m);
    return m * at.all(step.correction1);
}
template <class Step, class At, class Value>
auto next_square(const Step& step, const At& at, Value g) {
    const auto v = at.fma(at.all(step.beta2), at.state(1), at.all(1.0F - step.beta2) * (g * g));
    at.set_state(1, v);
    return v * at.all(step.correction2);
}

/// One step of stochastic gradient descent with momentum; state Δ:
///   Δ = fma(momentum, Δ, −(learning_rate · g))
///   w = w + Δ, or with Nesterov's momentum w = w + fma(momentum, Δ, −(learning_rate · g))
/// The latter holds the parameters at the point that Nesterov's rule looks ahead to, as in Sutskever et al.,
/// ICML 2013, rewritten by Bengio et al., 2013, equation 7.
struct SgdStep {
    static constexpr std::size_t kLeastState = 1;
    float mean_factor;
    float learning_rate;
    float momentum;
    float l2 = 0.0F;
    bool nesterov = false;

    template <class At>
    void apply(const At& at) const {
        const auto step = at.all(learning_rate) * mean_gradient(*this, at);
        const auto delta = at.fma(at.all(momentum), at.state(0), -step);
        at.set_state(0, delta);
        at.set_w(at.w() + (nesterov ? at.fma(at.all(momentum), delta, -step) : delta));
    }
};

/// One step of AdaGrad (Duchi et al., JMLR 2011; keep = gain = 1) or RMSProp (Hinton, 2012; keep = ρ,
/// gain = 1 − ρ); state r, Δ:
///   r = fma(keep, r, gain · (g · g))
///   Δ = fma(momentum, Δ, −(learning_rate · g / root)),  w = w + Δ
/// Without Δ, which momentum 0 does not need, w = w − learning_rate · g / root.
struct AdaptiveStep {
    static constexpr std::size_t kLeastState = 1;
    float mean_factor;
    float learning_rate;
    float keep;
    float gain;
    float epsilon;
    bool epsilon_inside = true;
    float momentum = 0.0F;
    float l2 = 0.0F;

    template <class At>
    void apply(const At& at) const {
        const auto g = mean_gradient(*this, at);
        const auto r = at.fma(at.all(keep), at.state(0), at.all(gain) * (g * g));
        at.set_state(0, r);
        const auto step = at.all(learning_rate) * g / root_of(*this, at, r);
        if (at.has_state(1)) {
            const auto delta = at.fma(at.all(momentum), at.state(1), -step);
            at.set_state(1, delta);
            at.set_w(at.w() + delta);
        } else {
            at.set_w(at.w() - step);
        }
    }
};

/// One step of AdaDelta (Zeiler, 2012, algorithm 1; ε there is inside the roots); state r, s:
///   r = fma(rho, r, (1 − rho) · (g · g))
///   d = sqrt(s + epsilon) / sqrt(r + epsilon) · g
///   s = fma(rho, s, (1 − rho) · (d · d)),  w = fma(−learning_rate, d, w)
struct AdadeltaStep {
    static constexpr std::size_t kLeastState = 2;
    float mean_factor;
    float learning_rate;
    float rho;
    float epsilon;
    float l2 = 0.0F;

    template <class At>
    void apply(const At& at) const {
        const auto rest = at.all(1.0F - rho);
        const auto small = at.all(epsilon);
        const auto g = mean_gradient(*this, at);
        const auto r = at.fma(at.all(rho), at.state(0), rest * (g * g));
        const auto s = at.state(1);
        const auto d = at.square_root(s + small) / at.square_root(r + small) * g;
        at.set_state(0, r);
        at.set_state(1, at.fma(at.all(rho), s, rest * (d * d)));
        at.set_w(at.fma(at.all(-learning_rate), d, at.w()));
    }
};

/// One step of Adam (Kingma and Ba, 2015, algorithm 1), the bias corrections given by the caller; state m, v
/// as above:
///   w = w · shrink − learning_rate · (m · correction1) / root, the root of r = v · correction2, the division
///   IEEE's.
/// AdamW (Loshchilov and Hutter, ICLR 2019) has shrink = 1 − learning_rate · weight_decay.
struct AdamStep {
    static constexpr std::size_t kLeastState = 2;
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

    template <class At>
    void apply(const At& at) const {
        const auto g = mean_gradient(*this, at);
        const auto scaled = at.all(learning_rate) * next_mean(*this, at, g);
        const auto root = root_of(*this, at, next_square(*this, at, g));
        at.set_w(at.w() * at.all(shrink) - scaled / root);
    }
};

/// The direction of a step of LAMB (You et al., ICLR 2020, algorithm 2), before the layer's norms scale it.
/// State m, v, direction: m and v as above, direction = fma(weight_decay, w, (m · correction1) / root).
/// w stays as it is.
struct LambDirection {
    static constexpr std::size_t kLeastState = 3;
    float mean_factor;
    float beta1;
    float beta2;
    float epsilon;
    float correction1;
    float correction2;
    float weight_decay;
    bool epsilon_inside = false;

    template <class At>
    void apply(const At& at) const {
        const auto g = at.gradient_sum() * at.all(mean_factor);
        const auto mean = next_mean(*this, at, g);
        const auto root = root_of(*this, at, next_square(*this, at, g));
        at.set_state(2, at.fma(at.all(weight_decay), at.w(), mean / root));
    }
};

/// What a step runs on: `count` values of each.
inline constexpr std::size_t kMostState = 3;
struct StepArrays {
    std::size_t count;
    const float* gradient_sum;
    float* w;
    float* state[kMostState];  // null: not kept
};

/// The kernel of one step, and the table of all, in which a step's is found by its type.
template <class Step>
struct StepKernel {
    void (*run)(const Step& step, const StepArrays& arrays);
};
template <class... Steps>
struct StepKernelsOf : StepKernel<Steps>... {};
using StepKernels = StepKernelsOf<SgdStep, AdaptiveStep, AdadeltaStep, AdamStep, LambDirection>;

}  // namespace lockstep
