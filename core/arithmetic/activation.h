// The activation functions of a layer's neurons, and each one's formula, once for all instruction sets: on
// single values it is the definition, on registers the kernel.
//
// V is what a formula computes with: scalar::Values, or the Registers of an instruction set. V::Value is one
// float or a register of them, V::constant(c) the value c in every lane; less and equal compare lanes,
// select(m, a, b) takes a where m holds and b elsewhere. Both do the same operations in the same order, so
// that the bits are the same. All here are templates on V, and nothing of the standard library is called:
// other inline functions would be shared between files compiled for different CPUs.
//
// A new activation: a place in ActivationKind, a formula here and its name in EveryActivation, and a row in
// activation_table.cpp.
#pragma once

#include <cstdint>

namespace lockstep {

/// f(ξ), with its derivative written in y = f(ξ), so that only the output need be kept:
///   identity  ξ                      1
///   relu      0 > ξ ? 0 : ξ          y > 0 ? 1 : 0         (a NaN stays a NaN, −0 stays −0)
///   sigmoid   1 / (1 + exp(−b·ξ))    b · y · (1 − y)
///   tanh      a · tanh(b·ξ)          (b / a) · (a − y) · (a + y)
///   step      ξ < 0 ? 0 : 1          0                     (a NaN stays a NaN)
///   saturated ξ < 0 ? 0 : ξ > 1 ? 1 : ξ   0 < y < 1 ? 1 : 0     (a NaN stays a NaN)
/// and of neurons whose potential is a distance, with the derivative by ξ²/2, which is smooth where ξ is 0:
///   gaussian  exp(−ξ² / (2b²))       −y / b²
///   distance  ξ                      y > 0 ? 1 / y : 0
/// (1 − exp(−ξ)) / (1 + exp(−ξ)) is tanh with b = 1/2.
enum class ActivationKind : std::uint32_t {
    kIdentity = 0,
    kRelu = 1,
    kSigmoid = 2,
    kTanh = 3,
    kStep = 4,
    kSaturated = 5,
    kGaussian = 6,
    kDistance = 7
};

struct Activation {
    ActivationKind kind = ActivationKind::kIdentity;
    float a = 1.0F;  ///< amplitude (tanh)
    float b = 1.0F;  ///< steepness (sigmoid, tanh), width (gaussian)
    bool operator==(const Activation&) const = default;
};

namespace activations {

struct Identity {
    static constexpr ActivationKind kKind = ActivationKind::kIdentity;

    template <class V>
    static auto function(Activation /*f*/) {
        return [](typename V::Value xi) { return xi; };
    }
    template <class V>
    static auto derivative(Activation /*f*/) {
        return [](typename V::Value /*y*/, typename V::Value delta) { return delta; };
    }
};

struct Relu {
    static constexpr ActivationKind kKind = ActivationKind::kRelu;

    template <class V>
    static auto function(Activation /*f*/) {
        // Not the maximum, which would flush a denormal.
        return [](typename V::Value xi) { return V::select(V::less(xi, V::zero()), V::zero(), xi); };
    }
    template <class V>
    static auto derivative(Activation /*f*/) {
        return [](typename V::Value y, typename V::Value delta) {
            return V::select(V::less(V::zero(), y), delta, V::zero());
        };
    }
};

struct Sigmoid {
    static constexpr ActivationKind kKind = ActivationKind::kSigmoid;

    template <class V>
    static auto function(Activation f) {
        return
            [minus_b = V::constant(-f.b)](typename V::Value xi) { return V::sigmoid_of_minus(minus_b * xi); };
    }
    template <class V>
    static auto derivative(Activation f) {
        return [b = V::constant(f.b)](typename V::Value y, typename V::Value delta) {
            return delta * (b * y * (V::constant(1.0F) - y));
        };
    }
};

struct Tanh {
    static constexpr ActivationKind kKind = ActivationKind::kTanh;

    template <class V>
    static auto function(Activation f) {
        return [a = V::constant(f.a), b = V::constant(f.b)](typename V::Value xi) {
            return a * V::tanh(b * xi);
        };
    }
    template <class V>
    static auto derivative(Activation f) {
        return
            [a = V::constant(f.a), ratio = V::constant(f.b / f.a)](
                typename V::Value y, typename V::Value delta) { return delta * (ratio * (a - y) * (a + y)); };
    }
};

struct Step {
    static constexpr ActivationKind kKind = ActivationKind::kStep;

    template <class V>
    static auto function(Activation /*f*/) {
        return [one = V::constant(1.0F)](typename V::Value xi) {
            return V::select(V::less(xi, V::zero()), V::zero(), V::select(V::equal(xi, xi), one, xi));
        };
    }
    template <class V>
    static auto derivative(Activation /*f*/) {
        return [](typename V::Value /*y*/, typename V::Value /*delta*/) { return V::zero(); };
    }
};

struct Saturated {
    static constexpr ActivationKind kKind = ActivationKind::kSaturated;

    template <class V>
    static auto function(Activation /*f*/) {
        return [one = V::constant(1.0F)](typename V::Value xi) {
            return V::select(V::less(one, xi), one, V::select(V::less(xi, V::zero()), V::zero(), xi));
        };
    }
    template <class V>
    static auto derivative(Activation /*f*/) {
        return [one = V::constant(1.0F)](typename V::Value y, typename V::Value delta) {
            return V::select(V::less(V::zero(), y), V::select(V::less(y, one), delta, V::zero()), V::zero());
        };
    }
};

struct Gaussian {
    static constexpr ActivationKind kKind = ActivationKind::kGaussian;

    template <class V>
    static auto function(Activation f) {
        return [factor = V::constant(-0.5F / (f.b * f.b))](typename V::Value xi) {
            return V::exp(factor * (xi * xi));
        };
    }
    template <class V>
    static auto derivative(Activation f) {
        return [factor = V::constant(-1.0F / (f.b * f.b))](typename V::Value y, typename V::Value delta) {
            return delta * (factor * y);
        };
    }
};

struct Distance {
    static constexpr ActivationKind kKind = ActivationKind::kDistance;

    template <class V>
    static auto function(Activation /*f*/) {
        return [](typename V::Value xi) { return xi; };
    }
    template <class V>
    static auto derivative(Activation /*f*/) {
        return [](typename V::Value y, typename V::Value delta) {
            return V::select(V::less(V::zero(), y), delta / y, V::zero());
        };
    }
};

}  // namespace activations

template <class... Formula>
struct FormulaList {};

using EveryActivation =
    FormulaList<activations::Identity, activations::Relu, activations::Sigmoid, activations::Tanh,
                activations::Step, activations::Saturated, activations::Gaussian, activations::Distance>;

/// visit(formula) with the struct of that kind.
template <class Visit, class... Formula>
inline void visit_formula(ActivationKind kind, const Visit& visit, FormulaList<Formula...> /*list*/) {
    static_cast<void>(((Formula::kKind == kind && (visit(Formula{}), true)) || ...));
}

/// Calls loop(f), f: ξ -> the activation; the kind is asked once, outside the loop.
template <class V, class Loop>
inline void with_function(Activation f, const Loop& loop) {
    const auto with = [&]<class Formula>(Formula) { loop(Formula::template function<V>(f)); };
    visit_formula(f.kind, with, EveryActivation{});
}

/// Calls loop(g), g: (y, delta) -> delta ⊙ f'.
template <class V, class Loop>
inline void with_derivative(Activation f, const Loop& loop) {
    const auto with = [&]<class Formula>(Formula) { loop(Formula::template derivative<V>(f)); };
    visit_formula(f.kind, with, EveryActivation{});
}

}  // namespace lockstep
