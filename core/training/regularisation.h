// What is done to weights besides following the gradient, so that a network generalises.
//
// Weights alone are treated, and biases where that is wanted; other parameters (ParameterRole::kOther) are
// left as they are.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/network/parameter_layout.h"
#include "core/training/optimizer.h"

namespace lockstep {

/// The [regularisation] section; 0 turns each off.
///   l2            the error is increased by l2/2 · Σ w²: the mean gradient g becomes fma(l2, w, g)
///   weight_decay  ζ: after a step w = w · (1 − ζ)
///   max_norm      after a step a neuron's incoming weights are scaled to this norm where theirs is larger
/// With `biases` the first two treat biases as they treat weights, as the lecture has it.
struct RegularisationOptions {
    float l2 = 0.0F;
    float weight_decay = 0.0F;
    float max_norm = 0.0F;
    bool biases = false;

    /// Whether a step treats some parameters otherwise than others.
    [[nodiscard]] bool treats_weights() const { return l2 != 0.0F || weight_decay != 0.0F; }
};

class Regulariser {
  public:
    Regulariser(RegularisationOptions options, const ParameterLayout& layout);

    /// The optimizer's step with l2 and weight_decay, on the parameters [begin, begin + n) of the arena, the
    /// elements [first, first + n) of the optimizer's state. Shapes: gradient_sum, parameters (n). Requires
    /// an optimizer that takes any slice, or that treats_weights() is false.
    void update(Optimizer& optimizer, UpdateStep step, std::size_t begin, std::size_t first,
                std::span<const float> gradient_sum, std::span<float> parameters) const;

    /// Bounds the norms of one layer by max_norm. Shape: arena, all parameters.
    void limit_norms(std::size_t layer, std::span<float> arena) const;

  private:
    RegularisationOptions options_;
    std::vector<ParameterBlock> decaying_;  // in the arena's order
    std::vector<ParameterBlock> weights_;
};

}  // namespace lockstep
