// The elementary functions in double, for what is computed now and then, not in a kernel: without libm's,
// which differ between machines.
//
// Each line is one rounding; nothing here may be regrouped. Infinities and NaN come out of the operations
// themselves.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace lockstep::in_double {

/// 2^n by its exponent field; n in [-1022, 1023].
inline double power_of_two(std::int64_t n) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

/// exp(x), within two units in the last place where it is a normal number.
inline double exp(double x) {
    // Beyond these the result is 0 or infinity; a NaN is neither below nor above and passes.
    x = x < -746.0 ? -746.0 : x;
    x = x > 710.0 ? 710.0 : x;
    // n = round(x / ln 2) by adding 1.5 · 2^52, which leaves the integer in the low bits.
    constexpr double kShift = 0x1.8p52;
    const double shifted = std::fma(x, 1.4426950408889634074, kShift);
    const double n = shifted - kShift;
    double r = std::fma(n, -6.93147180369123816490e-01, x);
    r = std::fma(n, -1.90821492927058770002e-10, r);
    // Taylor's series up to the 13th power: |r| is at most ln 2 / 2, so that the rest is below 2^-57.
    double p = 1.0 / 6227020800.0;
    p = std::fma(p, r, 1.0 / 479001600.0);
    p = std::fma(p, r, 1.0 / 39916800.0);
    p = std::fma(p, r, 1.0 / 3628800.0);
    p = std::fma(p, r, 1.0 / 362880.0);
    p = std::fma(p, r, 1.0 / 40320.0);
    p = std::fma(p, r, 1.0 / 5040.0);
    p = std::fma(p, r, 1.0 / 720.0);
    p = std::fma(p, r, 1.0 / 120.0);
    p = std::fma(p, r, 1.0 / 24.0);
    p = std::fma(p, r, 1.0 / 6.0);
    p = std::fma(p, r, 0.5);
    p = std::fma(p, r * r, r) + 1.0;
    // In two factors, because n = 1024 and n < -1022 have no exponent field of their own.
    const std::int64_t whole = std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(kShift);
    const std::int64_t half = whole >> 1;
    return p * power_of_two(half) * power_of_two(whole - half);
}

/// 1 / (1 + exp(-x)), within three units in the last place where it is a normal number.
inline double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

/// tanh x, within two units in the last place. Source of the rational function: S. Moshier, Cephes (tanh).
inline double tanh(double x) {
    const double z = std::fabs(x);
    const double far = 1.0 - 2.0 / (exp(z + z) + 1.0);
    const double z2 = x * x;
    double p = std::fma(-9.64399179425052238628e-1, z2, -9.92877231001918586564e1);
    p = std::fma(p, z2, -1.61468768441708447952e3);
    double q = z2 + 1.12811678491632931402e2;
    q = std::fma(q, z2, 2.23548839060100448583e3);
    q = std::fma(q, z2, 4.84406305325125486048e3);
    const double near = std::fma(x * z2, p / q, x);
    return std::copysign(z < 0.625 ? near : far, x);
}

}  // namespace lockstep::in_double
