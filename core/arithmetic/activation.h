// The activation functions of a layer's neurons, named and parameterised.
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

}  // namespace lockstep
