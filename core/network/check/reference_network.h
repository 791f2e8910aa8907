// A network in double precision, written from the formulas alone: what gradients and losses are checked
// against.
//
// Slow and simple on purpose: nothing of the layers' code is used, so that a fault in them shows. It calls
// libm, so its last digits may differ between systems; no result of a training run depends on it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/network/network.h"
#include "core/network/objective.h"

namespace lockstep {

/// f(ξ), by libm.
double reference_activation(Activation f, double xi);

/// Which of f's smooth pieces an output y lies on: there a derivative is that of the piece. 0 for a smooth f.
int smooth_piece(Activation f, double y);

/// The outputs of layer l for one sample: f(ξ), or the potentials ξ of the last layer under a cross-entropy.
/// `parameters` has the layout of the network's arena. Shapes: x (inputs of l), result (outputs of l). A new
/// kind of layer gets a function there.
std::vector<double> reference_layer(const Network& network, std::size_t l, std::span<const double> parameters,
                                    std::span<const double> x);

/// E of one sample from the last layer's reference_layer. Shapes: output, target (outputs).
double reference_loss(const NetworkSpec& spec, std::span<const double> output,
                      std::span<const double> target);

/// Sample r's target as a vector, whichever kind the targets are: t of Objective. Shape: result (outputs).
std::vector<double> target_vector(const NetworkSpec& spec, const Targets& targets, std::size_t r);

}  // namespace lockstep
