// Powers without libm, whose pow may differ between machines.
#pragma once

#include <cstddef>

namespace lockstep {

/// base^exponent by repeated squaring.
constexpr double power(double base, std::size_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0) result *= base;
        base *= base;
    }
    return result;
}

}  // namespace lockstep
