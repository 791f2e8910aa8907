#include "core/network/energy/digraph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/arithmetic/double_functions.h"
#include "core/base/error.h"

namespace lockstep {

namespace {

double activated(ActivationKind kind, double xi) {
    switch (kind) {
        case ActivationKind::kSaturated:
            return std::clamp(xi, 0.0, 1.0);
        case ActivationKind::kStep:
            return xi < 0.0 ? 0.0 : 1.0;
        case ActivationKind::kRelu:
            return xi < 0.0 ? 0.0 : xi;
        case ActivationKind::kIdentity:
            return xi;
        case ActivationKind::kSigmoid:
            return in_double::sigmoid(xi);
        case ActivationKind::kTanh:
            return in_double::tanh(xi);
        default:
            throw std::logic_error("digraph: an activation it does not know");
    }
}

/// y(t + 1) from y(t). Shapes: before, after (neurons).
void step(const Digraph& digraph, std::span<const double> before, std::span<double> after) {
    std::ranges::fill(after, 0.0);
    for (const DigraphEdge& edge : digraph.edges) {
        after[edge.to] = std::fma(edge.weight, before[edge.from], after[edge.to]);
    }
    for (std::size_t j = 0; j < after.size(); ++j) {
        const DigraphNeuron& neuron = digraph.neurons[j];
        after[j] = neuron.clamped ? before[j] : activated(neuron.activation, after[j] + neuron.bias);
    }
}

void check_finite(const Digraph& digraph, std::span<const double> states, std::size_t time) {
    for (std::size_t j = 0; j < states.size(); ++j) {
        if (std::isfinite(states[j])) continue;
        throw NumericalError(fmt::format(
            "digraph: neuron {} is {} after {} steps; make it activation=saturated, step, sigmoid "
            "or tanh, which are bounded, or lower network.digraph_steps",
            digraph.neurons[j].name, states[j], time));
    }
}

}  // namespace

Activity run_digraph(const Digraph& digraph, std::span<const double> sample, std::size_t limit) {
    if (sample.size() != digraph.inputs.size()) throw std::invalid_argument("run_digraph: a sample's size");
    std::vector<double> states;
    for (const DigraphNeuron& neuron : digraph.neurons) states.push_back(neuron.initial);
    for (std::size_t i = 0; i < sample.size(); ++i) states[digraph.inputs[i]] = sample[i];

    std::vector<double> next(states.size());
    Activity activity;
    for (;; ++activity.steps) {
        if (digraph.halt && states[*digraph.halt] >= 1.0) {
            activity.end = ActivityEnd::kHalted;
            break;
        }
        step(digraph, states, next);
        if (next == states) break;
        if (activity.steps == limit) {
            activity.end = ActivityEnd::kLimit;
            break;
        }
        check_finite(digraph, next, activity.steps + 1);
        states.swap(next);
    }
    for (const std::size_t output : digraph.outputs) activity.outputs.push_back(states[output]);
    return activity;
}

}  // namespace lockstep
