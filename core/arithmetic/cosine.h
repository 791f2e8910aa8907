// The cosine for what is computed now and then, not in a kernel: in double, without libm's, which differs
// between machines.
#pragma once

namespace lockstep {

/// cos(πx) for x in [0, 1], within 4e-16 of it: additions, multiplications and divisions in a fixed order.
inline double cos_pi(double x) {
    // cos πx = sin π(½ − x), by Taylor's series up to the 19th power, whose rest is below (π/2)^21 / 21!.
    constexpr double kPi = 3.14159265358979323846;
    const double angle = kPi * (0.5 - x);
    const double square = angle * angle;
    double sum = 1.0;
    for (int k = 19; k > 1; k -= 2) sum = 1.0 - square / static_cast<double>(k * (k - 1)) * sum;
    return angle * sum;
}

}  // namespace lockstep
