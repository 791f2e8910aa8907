// The elementary functions of scalar/math.h on a register, operation for operation. The register type comes
// from the simd_vec_*.h included before.
#pragma once

#include "core/arithmetic/activation.h"

namespace lockstep {
namespace {

inline Vec power_of_two(Ints n) { return from_bits(shift_left<23>(plus(n, ints(127)))); }

inline Vec exp(Vec x) {
    x = smaller(broadcast(89.0F), larger(broadcast(-104.0F), x));
    const Vec shift = broadcast(0x1.8p23F);
    const Vec shifted = fma(x, broadcast(1.44269504088896341F), shift);
    const Vec n = shifted - shift;
    Vec r = fma(n, broadcast(-0.693359375F), x);
    r = fma(n, broadcast(2.12194440e-4F), r);
    Vec p = broadcast(1.9875691500e-4F);
    p = fma(p, r, broadcast(1.3981999507e-3F));
    p = fma(p, r, broadcast(8.3334519073e-3F));
    p = fma(p, r, broadcast(4.1665795894e-2F));
    p = fma(p, r, broadcast(1.6666665459e-1F));
    p = fma(p, r, broadcast(5.0000001201e-1F));
    p = fma(p, r * r, r) + broadcast(1.0F);
    const Ints bits = minus(bits_of(shifted), bits_of(shift));
    const Ints half = shift_right_signed<1>(bits);
    return p * power_of_two(half) * power_of_two(minus(bits, half));
}

inline Vec log(Vec x) {
    constexpr int kOne = 0x3F800000;
    constexpr int kSqrtHalf = 0x3F3504F3;
    const Ints bits = plus(bits_of(x), ints(kOne - kSqrtHalf));
    const Vec e = to_floats(minus(shift_right<23>(bits), ints(127)));
    const Vec f = from_bits(plus(both(bits, ints(0x007FFFFF)), ints(kSqrtHalf))) - broadcast(1.0F);
    const Vec z = f * f;
    Vec p = broadcast(7.0376836292e-2F);
    p = fma(p, f, broadcast(-1.1514610310e-1F));
    p = fma(p, f, broadcast(1.1676998740e-1F));
    p = fma(p, f, broadcast(-1.2420140846e-1F));
    p = fma(p, f, broadcast(1.4249322787e-1F));
    p = fma(p, f, broadcast(-1.6668057665e-1F));
    p = fma(p, f, broadcast(2.0000714765e-1F));
    p = fma(p, f, broadcast(-2.4999993993e-1F));
    p = fma(p, f, broadcast(3.3333331174e-1F));
    Vec y = p * f * z;
    y = fma(e, broadcast(-2.12194440e-4F), y);
    y = fma(broadcast(-0.5F), z, y);
    y = fma(e, broadcast(0.693359375F), f + y);
    const Vec infinity = broadcast(__builtin_inff());
    y = select(less(x, infinity), y, x);
    y = select(less(x, zero()), broadcast(__builtin_nanf("")), y);
    return select(equal(x, zero()), -infinity, y);
}

inline Vec tanh(Vec x) {
    const Vec z = magnitude(x);
    const Vec s = exp(z + z);
    const Vec far = broadcast(1.0F) - broadcast(2.0F) / (s + broadcast(1.0F));
    const Vec z2 = x * x;
    Vec p = broadcast(-5.70498872745e-3F);
    p = fma(p, z2, broadcast(2.06390887954e-2F));
    p = fma(p, z2, broadcast(-5.37397155531e-2F));
    p = fma(p, z2, broadcast(1.33314422036e-1F));
    p = fma(p, z2, broadcast(-3.33332819422e-1F));
    const Vec near = fma(p * z2, x, x);
    return copy_sign(select(less(z, broadcast(0.625F)), near, far), x);
}

/// 1 / (1 + exp(minus_x)).
inline Vec sigmoid_of_minus(Vec minus_x) { return broadcast(1.0F) / (broadcast(1.0F) + exp(minus_x)); }

/// What the formulas of activation.h compute with, a register at a time.
struct Registers {
    using Value = Vec;
    static Vec zero() { return lockstep::zero(); }
    static Vec constant(float value) { return broadcast(value); }
    static auto less(Vec a, Vec b) { return lockstep::less(a, b); }
    static auto equal(Vec a, Vec b) { return lockstep::equal(a, b); }
    template <class LaneMask>
    static Vec select(LaneMask first, Vec a, Vec b) {
        return lockstep::select(first, a, b);
    }
    static Vec exp(Vec x) { return lockstep::exp(x); }
    static Vec log(Vec x) { return lockstep::log(x); }
    static Vec tanh(Vec x) { return lockstep::tanh(x); }
    static Vec sigmoid_of_minus(Vec minus_x) { return lockstep::sigmoid_of_minus(minus_x); }
};

}  // namespace
}  // namespace lockstep
