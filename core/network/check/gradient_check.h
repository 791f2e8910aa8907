// Backpropagation's gradient against central finite differences of a network in double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/network/network.h"
#include "core/network/objective.h"

namespace lockstep {

struct GradientCheckOptions {
    std::size_t parameters = 50;  ///< tried in each block, drawn without preference; 0: all of them
    std::uint64_t seed = 1;       ///< what they are drawn from
};

/// What was found in one block of parameters (a layer's weights, or its biases).
struct BlockCheck {
    std::string name;
    std::size_t layer = 0;
    std::size_t checked = 0;
    /// Parameters that were drawn but not compared: within the step a ReLU changes sides, and the two
    /// one-sided derivatives differ.
    std::size_t at_kinks = 0;
    /// The largest |gradient − difference| less the difference's own noise, over the largest |gradient| or
    /// |difference| of the block; NaN where either is no finite number.
    double error = 0.0;
    std::size_t worst = 0;  ///< index in the block of that parameter, and there:
    double gradient = 0.0;
    double difference = 0.0;
};

/// The samples of x whose every neuron lies on the same smooth piece in float as in double. At the others the
/// two have different derivatives, and both are right. Shape: x (b, inputs). Overwrites the workspace.
std::vector<std::size_t> samples_off_kinks(const Network& network, std::span<const float> parameters,
                                           ConstMatrix x, Workspace& work);

/// Compares `gradient`, the sum over the samples as Network::backward leaves it, with
/// (E(w + h) − E(w − h)) / 2h, h = 1e-5, E the reference network's summed error. Shapes: parameters, gradient
/// (arena), x (b, inputs). Cost: two passes from the block's layer up for every sample and parameter tried.
std::vector<BlockCheck> check_gradient(const Network& network, std::span<const float> parameters,
                                       ConstMatrix x, const Targets& targets, std::span<const float> gradient,
                                       const GradientCheckOptions& options);

}  // namespace lockstep
