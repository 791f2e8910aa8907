// The elementary functions of the contract on one value: the definition that every vector version must
// reproduce.
//
// Source of the polynomials: S. Moshier, Cephes (expf, logf, tanhf). Each line is one rounding; nothing here
// may be regrouped. Infinities, overflow and NaN come out of the operations themselves, not out of special
// cases.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "core/arithmetic/activation.h"

namespace lockstep::scalar {

inline float larger(float a, float b) { return a > b ? a : b; }
inline float smaller(float a, float b) { return a < b ? a : b; }

/// 2^n by its exponent field; n in [-126, 127], as an unsigned that wraps.
inline float power_of_two(std::uint32_t n) { return std::bit_cast<float>((n + 127U) << 23); }

inline float exp(float x) {
    // Beyond these the result is 0 or infinity; the order of the operands lets a NaN through.
    x = smaller(89.0F, larger(-104.0F, x));
    // n = round(x / ln 2) by adding 1.5 · 2^23, which leaves the integer in the low bits.
    constexpr float kShift = 0x1.8p23F;
    const float shifted = std::fma(x, 1.44269504088896341F, kShift);
    const float n = shifted - kShift;
    float r = std::fma(n, -0.693359375F, x);
    r = std::fma(n, 2.12194440e-4F, r);
    float p = 1.9875691500e-4F;
    p = std::fma(p, r, 1.3981999507e-3F);
    p = std::fma(p, r, 8.3334519073e-3F);
    p = std::fma(p, r, 4.1665795894e-2F);
    p = std::fma(p, r, 1.6666665459e-1F);
    p = std::fma(p, r, 5.0000001201e-1F);
    p = std::fma(p, r * r, r) + 1.0F;
    // 2^n in two factors, because n = 128 and n < -126 have no exponent field of their own.
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kShift);
    const std::uint32_t half = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 1);
    return p * power_of_two(half) * power_of_two(bits - half);
}

inline float log(float x) {
    // x = 2^e · m with m in [sqrt(1/2), sqrt(2)).
    constexpr std::uint32_t kSqrtHalf = 0x3F3504F3;
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x) + (0x3F800000 - kSqrtHalf);
    const float e = static_cast<float>(static_cast<std::int32_t>(bits >> 23) - 127);
    const float f = std::bit_cast<float>((bits & 0x007FFFFF) + kSqrtHalf) - 1.0F;
    const float z = f * f;
    float p = 7.0376836292e-2F;
    p = std::fma(p, f, -1.1514610310e-1F);
    p = std::fma(p, f, 1.1676998740e-1F);
    p = std::fma(p, f, -1.2420140846e-1F);
    p = std::fma(p, f, 1.4249322787e-1F);
    p = std::fma(p, f, -1.6668057665e-1F);
    p = std::fma(p, f, 2.0000714765e-1F);
    p = std::fma(p, f, -2.4999993993e-1F);
    p = std::fma(p, f, 3.3333331174e-1F);
    float y = p * f * z;
    y = std::fma(e, -2.12194440e-4F, y);
    y = std::fma(-0.5F, z, y);
    y = std::fma(e, 0.693359375F, f + y);
    constexpr float kInfinity = INFINITY;
    // Denormals are zeros here (DAZ); what is neither below infinity nor above zero is x itself, or NaN.
    y = x < kInfinity ? y : x;
    y = x < 0.0F ? NAN : y;
    return x == 0.0F ? -kInfinity : y;
}

inline float tanh(float x) {
    const float z = std::fabs(x);
    const float s = exp(z + z);
    const float far = 1.0F - 2.0F / (s + 1.0F);
    const float z2 = x * x;
    float p = -5.70498872745e-3F;
    p = std::fma(p, z2, 2.06390887954e-2F);
    p = std::fma(p, z2, -5.37397155531e-2F);
    p = std::fma(p, z2, 1.33314422036e-1F);
    p = std::fma(p, z2, -3.33332819422e-1F);
    const float near = std::fma(p * z2, x, x);
    return std::copysign(z < 0.625F ? near : far, x);
}

/// 1 / (1 + exp(minus_x)).
inline float sigmoid_of_minus(float minus_x) { return 1.0F / (1.0F + exp(minus_x)); }

/// What the formulas of activation.h compute with, one value at a time.
struct Values {
    using Value = float;
    static float zero() { return 0.0F; }
    static float constant(float value) { return value; }
    static bool less(float a, float b) { return a < b; }
    static bool equal(float a, float b) { return a == b; }
    /// As masks on the bits: a compiler's maximum would flush a denormal.
    static float select(bool first, float a, float b) {
        const std::uint32_t mask = first ? 0xFFFFFFFFU : 0U;
        return std::bit_cast<float>((std::bit_cast<std::uint32_t>(a) & mask) |
                                    (std::bit_cast<std::uint32_t>(b) & ~mask));
    }
    static float exp(float x) { return scalar::exp(x); }
    static float log(float x) { return scalar::log(x); }
    static float tanh(float x) { return scalar::tanh(x); }
    static float sigmoid_of_minus(float minus_x) { return scalar::sigmoid_of_minus(minus_x); }
};

inline float activate(Activation f, float xi) {
    with_function<Values>(f, [&](const auto& function) { xi = function(xi); });
    return xi;
}

inline float multiply_by_derivative(Activation f, float y, float delta) {
    with_derivative<Values>(f, [&](const auto& times) { delta = times(y, delta); });
    return delta;
}

}  // namespace lockstep::scalar
