// Small networks of every kind of layer and loss with a batch for each, and their gradients' check.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/base/threads.h"
#include "core/network/check/gradient_check.h"
#include "core/network/network.h"

namespace lockstep::testing {

struct Problem {
    const char* name;
    std::vector<const char*> layers;
    Loss loss;
    bool class_targets;
};

inline const std::vector<Problem> kProblems{
    {"relu, softmax, cross-entropy, classes",
     {"dense units=9 activation=relu", "dense units=5 activation=softmax"},
     Loss::kCrossEntropy,
     true},
    {"tanh with amplitude and steepness, softmax, target vectors",
     {"dense units=7 activation=tanh amplitude=1.7159 steepness=0.6667", "dense units=4 activation=softmax"},
     Loss::kCrossEntropy,
     false},
    {"sigmoid outputs, cross-entropy",
     {"dense units=6 activation=tanh", "dense units=3 activation=sigmoid"},
     Loss::kCrossEntropy,
     false},
    {"sigmoid with steepness, square error",
     {"dense units=6 activation=sigmoid steepness=1.5", "dense units=3 activation=sigmoid steepness=0.8"},
     Loss::kSquareError,
     false},
    {"identity outputs, square error, three layers",
     {"dense units=8 activation=relu", "dense units=8 activation=tanh", "dense units=2"},
     Loss::kSquareError,
     false},
    {"one layer, class targets, square error", {"dense units=4 activation=tanh"}, Loss::kSquareError, true},
    {"the lecture's (1 - exp(-x)) / (1 + exp(-x)) below saturated outputs",
     {"dense units=6 activation=tanh steepness=0.5", "dense units=3 activation=saturated"},
     Loss::kSquareError,
     false},
    {"summed square error",
     {"dense units=5 activation=tanh", "dense units=3 activation=sigmoid"},
     Loss::kSquareErrorSum,
     false},
    {"mean square error over three outputs",
     {"dense units=5 activation=tanh", "dense units=3"},
     Loss::kMeanSquareError,
     false},
    {"softmax, both terms of the cross-entropy, classes",
     {"dense units=7 activation=tanh", "dense units=5 activation=softmax"},
     Loss::kCrossEntropyBoth,
     true},
    {"softmax, both terms, target vectors",
     {"dense units=7 activation=tanh", "dense units=4 activation=softmax"},
     Loss::kCrossEntropyBoth,
     false},
    {"radial basis functions below a linear layer",
     {"distance units=9 width=1.3", "dense units=3"},
     Loss::kSquareError,
     false},
    {"radial basis functions above a dense layer, and as outputs",
     {"dense units=7 activation=tanh", "distance units=6 width=0.9",
      "distance units=3 init=normal scale=0.5"},
     Loss::kSquareError,
     false},
    {"distances below softmax, classes",
     {"distance units=7 activation=identity", "dense units=4 activation=softmax"},
     Loss::kCrossEntropy,
     true},
    {"distances as outputs", {"distance units=3 activation=identity"}, Loss::kMeanSquareError, false},
    {"an activation of its own behind linear neurons, twice, below softmax",
     {"dense units=7", "activation activation=tanh steepness=0.7", "activation activation=sigmoid",
      "dense units=4 activation=softmax"},
     Loss::kCrossEntropy,
     true},
    {"an activation on the inputs, behind distances, and at the end",
     {"activation activation=tanh amplitude=1.5", "distance units=6 activation=identity",
      "activation activation=sigmoid", "dense units=3", "activation activation=tanh"},
     Loss::kSquareError,
     false},
    {"softmax as a layer of its own",
     {"dense units=6 activation=tanh", "dense units=4", "activation activation=softmax"},
     Loss::kCrossEntropyBoth,
     true},
    {"softmax of two classes, both terms",
     {"dense units=2 activation=softmax"},
     Loss::kCrossEntropyBoth,
     true},
};

inline constexpr std::size_t kInputs = 6;
inline constexpr std::size_t kSamples = 11;
inline constexpr std::size_t kLeaf = 4;

/// A small batch with a network's parameters, in float and the same values in double.
struct Fixture {
    Network network;
    Workspace work;
    Buffer<float> parameters;
    std::vector<float> x;
    std::vector<float> t;
    std::vector<std::int32_t> labels;

    explicit Fixture(const Problem& problem)
        : network(spec_of(problem)), work(network, kSamples), parameters(network.layout().arena_size()) {
        network.initialise(7, parameters.span());
        // The initial biases are 0; others would hide an error in their use.
        std::mt19937 random(5);
        std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
        for (const ParameterBlock& block : network.layout().blocks()) {
            if (block.rows == 1) {
                for (float& value : block.values(parameters.span())) value = 0.1F * uniform(random);
            }
        }
        const std::size_t outputs = network.outputs();
        for (std::size_t r = 0; r < kSamples; ++r) {
            for (std::size_t i = 0; i < kInputs; ++i) x.push_back(uniform(random));
            const auto label = static_cast<std::int32_t>(random() % outputs);
            if (problem.class_targets) labels.push_back(label);
            float sum = 0.0F;
            for (std::size_t c = 0; c < outputs; ++c) {
                t.push_back(problem.class_targets ? (static_cast<std::int32_t>(c) == label ? 1.0F : 0.0F)
                                                  : 0.5F + 0.45F * uniform(random));
                sum += t.back();
            }
            // A softmax target is a distribution.
            if (network.spec().layers.back().softmax) {
                for (std::size_t c = 0; c < outputs; ++c) t[r * outputs + c] /= sum;
            }
        }
    }

    static NetworkSpec spec_of(const Problem& problem) {
        NetworkSpec spec;
        spec.inputs = kInputs;
        for (const char* layer : problem.layers) spec.layers.push_back(parse_layer(layer));
        spec.loss = problem.loss;
        return spec;
    }

    [[nodiscard]] ConstMatrix inputs() const { return {x.data(), kSamples, kInputs}; }
    [[nodiscard]] Targets targets() const {
        if (!labels.empty()) return {labels, {}};
        return {{}, {t.data(), kSamples, network.outputs()}};
    }

    /// The summed gradient by lockstep, and the metrics of the samples.
    Buffer<float> gradient(std::vector<SampleMetrics>& metrics) {
        Buffer<float> arena(network.layout().arena_size());
        metrics.resize(kSamples);
        network.forward(parameters.span(), inputs(), work);
        network.evaluate(targets(), kSamples, work, metrics);
        const NodeGradient node{kSamples, arena.span()};
        std::vector<std::size_t> done;
        network.backward(parameters.span(), inputs(), kLeaf, {&node, 1}, work,
                         [&](std::size_t layer) { done.push_back(layer); });
        std::size_t with_parameters = 0;
        for (std::size_t l = 0; l < network.layer_count(); ++l)
            with_parameters += network.layout().layer_range(l).count > 0 ? 1 : 0;
        CHECK(done.size() == with_parameters);
        CHECK(std::is_sorted(done.rbegin(), done.rend()));
        return arena;
    }
};

/// The largest error of any parameter, none of which may go unchecked.
inline double worst_error(const Fixture& fixture, std::span<const float> gradient) {
    double worst = 0.0;
    for (const BlockCheck& block :
         check_gradient(fixture.network, fixture.parameters.span(), fixture.inputs(), fixture.targets(),
                        gradient, {.parameters = 0})) {
        CHECK(block.at_kinks == 0);
        worst = std::max(worst, block.error);
    }
    return worst;
}

// A gradient is a sum of 11 products of values with a relative error of a few float roundings (6e-8 each)
// from chains of at most 9 terms and elementary functions of 2 ulp: 64 roundings bound it with room. A factor
// 1 + 1e-3 on any one term would show.
inline constexpr double kTolerance = 64 * 6e-8;

}  // namespace lockstep::testing
