// A network in double precision, written from the formulas alone: what gradients and losses are checked
// against.
//
// Slow and simple on purpose: of a kind of layer and an activation only the formula in their rows is used,
// and nothing that computes a training step, so that a fault in that shows. It calls libm, so its last digits
// may differ between systems; no result of a training run depends on it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/network/network.h"
#include "core/network/objective.h"

namespace lockstep {

/// The outputs of layer l for one sample: f(ξ), or the potentials ξ of the last layer under a cross-entropy.
/// `parameters` has the layout of the network's arena. Shapes: x (inputs of l), result (outputs of l).
std::vector<double> reference_layer(const Network& network, std::size_t l, std::span<const double> parameters,
                                    std::span<const double> x);

/// E of one sample from the last layer's reference_layer. Shapes: output, target (outputs).
double reference_loss(const NetworkSpec& spec, std::span<const double> output,
                      std::span<const double> target);

/// Sample r's target as a vector, whichever kind the targets are: t of Objective. Shape: result (outputs).
std::vector<double> target_vector(const NetworkSpec& spec, const Targets& targets, std::size_t r);

}  // namespace lockstep
