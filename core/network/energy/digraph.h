// Networks whose edges may form cycles: neurons by name, and their synchronous activity until it stops.
//
// The model of computability: with saturated-linear neurons and rational weights such a network computes what
// a Turing machine does (Siegelmann and Sontag, JCSS 1995), its stacks being states, digit by digit.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/arithmetic/activation.h"

namespace lockstep {

struct DigraphNeuron {
    std::string name;
    ActivationKind activation = ActivationKind::kSaturated;  ///< any of a potential but kGaussian, kDistance
    double bias = 0.0;
    double initial = 0.0;  ///< y(0); of an input the sample's value in its place
    bool clamped = false;  ///< an input that stays as the sample has it
};

struct DigraphEdge {
    std::size_t from = 0;  ///< neurons
    std::size_t to = 0;
    double weight = 0.0;
};

/// Indices are those of `neurons`. Requires: no edge to a clamped neuron; only inputs are clamped.
struct Digraph {
    std::vector<DigraphNeuron> neurons;
    std::vector<DigraphEdge> edges;
    std::vector<std::size_t> inputs;   ///< in the order of a sample's values
    std::vector<std::size_t> outputs;  ///< in the order of a sample's targets
    std::optional<std::size_t> halt;  ///< the neuron that ends the activity as soon as its state is 1 or more
};

enum class ActivityEnd {
    kStill,   ///< one more step would change no state
    kHalted,  ///< the halt neuron said so
    kLimit,   ///< neither, within the limit
};

struct Activity {
    std::vector<double> outputs;  ///< states of the output neurons at the end
    std::size_t steps = 0;        ///< steps that changed a state
    ActivityEnd end = ActivityEnd::kStill;
};

/// Synchronous activity: all neurons at once, y_j(t + 1) = f_j(b_j + Σ w_ij y_i(t)), t = 0, 1, …, limit.
/// Double precision: rationals whose denominator is a small power of two stay exact. A potential is the chain
/// fma(w, y, acc) over the neuron's edges in their order from +0, then the bias; sigmoid and tanh are those
/// of core/arithmetic/double_functions.h, with amplitude and steepness 1. Shape: sample (inputs). Throws
/// NumericalError where a state of a relu or an identity becomes infinite.
Activity run_digraph(const Digraph& digraph, std::span<const double> sample, std::size_t limit);

}  // namespace lockstep
