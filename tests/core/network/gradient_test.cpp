// Gradients of every layer and loss against central differences of a network in double precision.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <random>

#include "core/arithmetic/threads.h"
#include "core/network/network.h"
#include "tests/support/double_network.h"

using namespace lockstep;

namespace {

struct Problem {
    const char* name;
    std::vector<const char*> layers;
    Loss loss;
    bool class_targets;
};

const std::vector<Problem> kProblems{
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
};

constexpr std::size_t kInputs = 6;
constexpr std::size_t kSamples = 11;
constexpr std::size_t kLeaf = 4;

/// A small batch with a network's parameters, in float and the same values in double.
struct Fixture {
    Network network;
    Workspace work;
    Buffer<float> parameters;
    std::vector<float> x;
    std::vector<float> t;
    std::vector<std::int32_t> labels;
    testing::DoubleRows x_double;
    testing::DoubleRows t_double;

    explicit Fixture(const Problem& problem)
        : network(spec_of(problem)),
          work(network.spec(), kSamples),
          parameters(network.layout().arena_size()) {
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
            x_double.emplace_back(x.end() - kInputs, x.end());
            t_double.emplace_back(t.end() - static_cast<std::ptrdiff_t>(outputs), t.end());
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
        CHECK(done.size() == network.layer_count());
        CHECK(std::is_sorted(done.rbegin(), done.rend()));
        return arena;
    }

    /// ∂ total loss / ∂ parameter by central differences in double.
    [[nodiscard]] double difference(std::size_t parameter) const {
        std::vector<double> shifted(parameters.span().begin(), parameters.span().end());
        // The error is h²/6 · f''' + 1e-16/h: least, about 1e-11, near h = 1e-5.
        const double h = 1e-5;
        shifted[parameter] += h;
        const double above = testing::total_loss(network, shifted, x_double, t_double);
        shifted[parameter] -= 2 * h;
        return (above - testing::total_loss(network, shifted, x_double, t_double)) / (2 * h);
    }
};

/// The largest |gradient − difference| over the gradient's scale, over all parameters.
double worst_error(const Fixture& fixture, std::span<const float> gradient) {
    double worst = 0.0;
    for (const ParameterBlock& block : fixture.network.layout().blocks()) {
        double scale = 0.0;
        for (const float value : block.values(gradient)) scale = std::max(scale, std::fabs(double{value}));
        for (std::size_t i = 0; i < block.count(); ++i) {
            const double expected = fixture.difference(block.offset + i);
            worst = std::max(worst, std::fabs(double{gradient[block.offset + i]} - expected) / scale);
        }
    }
    return worst;
}

// A gradient is a sum of 11 products of values with a relative error of a few float roundings (6e-8 each)
// from chains of at most 9 terms and elementary functions of 2 ulp: 64 roundings bound it with room. A factor
// 1 + 1e-3 on any one term would show.
constexpr double kTolerance = 64 * 6e-8;

}  // namespace

TEST_CASE("gradients of every layer and loss agree with central differences in double") {
    const ContractFloatMode mode;
    for (const Problem& problem : kProblems) {
        CAPTURE(problem.name);
        Fixture fixture(problem);
        std::vector<SampleMetrics> metrics;
        const Buffer<float> gradient = fixture.gradient(metrics);
        CHECK(worst_error(fixture, gradient.span()) < kTolerance);
    }
}

TEST_CASE("the gradient check rejects a gradient with one planted fault") {
    const ContractFloatMode mode;
    for (const Problem& problem : kProblems) {
        CAPTURE(problem.name);
        Fixture fixture(problem);
        std::vector<SampleMetrics> metrics;
        Buffer<float> gradient = fixture.gradient(metrics);
        const ParameterBlock& block = fixture.network.layout().blocks().front();
        const std::span<float> values = block.values(gradient.span());
        // The largest of the block, so that the fault is 0.1 % of its scale.
        *std::ranges::max_element(values, {}, [](float v) { return std::fabs(v); }) *= 1.001F;
        CHECK(worst_error(fixture, gradient.span()) > kTolerance);
    }
}

TEST_CASE("losses agree with the double network, sample by sample") {
    const ContractFloatMode mode;
    for (const Problem& problem : kProblems) {
        CAPTURE(problem.name);
        Fixture fixture(problem);
        std::vector<SampleMetrics> metrics;
        fixture.gradient(metrics);
        const std::vector<double> parameters(fixture.parameters.span().begin(),
                                             fixture.parameters.span().end());
        for (std::size_t r = 0; r < kSamples; ++r) {
            const auto y = testing::outputs(fixture.network, parameters, fixture.x_double[r]);
            const double expected = testing::loss(fixture.network, y, fixture.t_double[r]);
            CHECK(metrics[r].loss == doctest::Approx(expected).epsilon(kTolerance));
        }
    }
}

TEST_CASE("a sample's loss does not depend on the samples beside it") {
    const ContractFloatMode mode;
    for (const Problem& problem : kProblems) {
        Fixture fixture(problem);
        std::vector<SampleMetrics> together;
        fixture.gradient(together);
        for (std::size_t r = 0; r < kSamples; ++r) {
            std::vector<SampleMetrics> alone(1);
            Targets target = fixture.targets();
            if (target.labels.empty()) {
                target.values = target.values.row_range(r, 1);
            } else {
                target.labels = target.labels.subspan(r, 1);
            }
            fixture.network.forward(fixture.parameters.span(), fixture.inputs().row_range(r, 1),
                                    fixture.work);
            fixture.network.evaluate(target, 1, fixture.work, alone);
            CHECK(alone[0].loss == together[r].loss);
        }
    }
}

TEST_CASE("a gradient in several nodes, merged by the tree, has the bits of one node") {
    const ContractFloatMode mode;
    for (const Problem& problem : kProblems) {
        CAPTURE(problem.name);
        Fixture fixture(problem);
        std::vector<SampleMetrics> metrics;
        const Buffer<float> whole = fixture.gradient(metrics);
        // Three leaves of 4, 4 and 3 samples: the tree is ((0, 1), 2).
        const std::size_t size = whole.size();
        Buffer<float> left(size);
        Buffer<float> middle(size);
        Buffer<float> right(size);
        const NodeGradient nodes[]{{4, left.span()}, {4, middle.span()}, {3, right.span()}};
        fixture.network.forward(fixture.parameters.span(), fixture.inputs(), fixture.work);
        fixture.network.evaluate(fixture.targets(), kSamples, fixture.work, metrics);
        fixture.network.backward(fixture.parameters.span(), fixture.inputs(), kLeaf, nodes, fixture.work,
                                 [](std::size_t) {});
        std::size_t differing = 0;
        std::size_t differing_if_swapped = 0;
        for (std::size_t i = 0; i < size; ++i) {
            if ((left[i] + middle[i]) + right[i] != whole[i]) ++differing;
            if (left[i] + (middle[i] + right[i]) != whole[i]) ++differing_if_swapped;
        }
        CHECK(differing == 0);
        CHECK(differing_if_swapped > 0);
    }
}

TEST_CASE("cross-entropy stays finite and exact where probabilities round to 0 or 1") {
    const ContractFloatMode mode;
    NetworkSpec spec;
    spec.inputs = 1;
    spec.layers = {parse_layer("dense units=3 activation=softmax")};
    const Objective softmax(spec);
    const std::vector<float> potentials{200.0F, -200.0F, 0.0F};
    const std::vector<std::int32_t> label{1};
    std::vector<float> delta(3);
    std::vector<float> scratch(1);
    std::vector<SampleMetrics> metrics(1);
    softmax.evaluate({potentials.data(), 1, 3}, {label, {}}, {delta.data(), 1, 3}, metrics, scratch);
    CHECK(metrics[0].loss == 400.0);
    CHECK(metrics[0].correct == 0.0);
    CHECK(delta[0] == 1.0F);
    CHECK(delta[1] == -1.0F);

    spec.layers = {parse_layer("dense units=2 activation=sigmoid")};
    const Objective sigmoid(spec);
    const std::vector<float> logits{90.0F, -90.0F};
    const std::vector<float> targets{0.0F, 1.0F};
    sigmoid.evaluate({logits.data(), 1, 2}, {{}, {targets.data(), 1, 2}}, {delta.data(), 1, 2}, metrics,
                     scratch);
    CHECK(metrics[0].loss == 180.0);
    CHECK(metrics[0].correct == 0.0);
}

TEST_CASE("a NaN potential makes the loss NaN, whatever the objective") {
    const ContractFloatMode mode;
    for (const Problem& problem : kProblems) {
        CAPTURE(problem.name);
        Fixture fixture(problem);
        fixture.x[0] = std::nanf("");
        std::vector<SampleMetrics> metrics;
        fixture.gradient(metrics);
        CHECK(std::isnan(metrics[0].loss));
        CHECK(std::isfinite(metrics[1].loss));
    }
}
