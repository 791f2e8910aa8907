// Gradients of every layer and loss against central differences of a network in double precision.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "core/base/threads.h"
#include "core/network/check/gradient_check.h"
#include "core/network/check/reference_network.h"
#include "core/network/network.h"

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
    {"softmax of two classes, both terms",
     {"dense units=2 activation=softmax"},
     Loss::kCrossEntropyBoth,
     true},
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
};

/// The largest error of any parameter, none of which may go unchecked.
double worst_error(const Fixture& fixture, std::span<const float> gradient) {
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
            const std::span<const float> x = fixture.inputs().row(r);
            std::vector<double> y(x.begin(), x.end());
            for (std::size_t l = 0; l < fixture.network.layer_count(); ++l) {
                y = reference_layer(fixture.network, l, parameters, y);
            }
            const double expected = reference_loss(
                fixture.network.spec(), y, target_vector(fixture.network.spec(), fixture.targets(), r));
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

TEST_CASE("both terms of softmax stay finite and exact where an output rounds to 1") {
    const ContractFloatMode mode;
    NetworkSpec spec;
    spec.inputs = 1;
    spec.loss = Loss::kCrossEntropyBoth;
    spec.layers = {parse_layer("dense units=3 activation=softmax")};
    const Objective objective(spec);
    const std::vector<float> potentials{-200.0F, 200.0F, -200.0F};
    std::vector<float> delta(3);
    std::vector<float> scratch(1);
    std::vector<SampleMetrics> metrics(1);
    const auto evaluate = [&](std::int32_t label) {
        objective.evaluate({potentials.data(), 1, 3}, {{&label, 1}, {}}, {delta.data(), 1, 3}, metrics,
                           scratch);
    };
    evaluate(1);
    CHECK(metrics[0].loss == 0.0);
    CHECK(metrics[0].correct == 1.0);
    CHECK(delta == std::vector<float>{0.0F, 0.0F, 0.0F});

    // y = (e^-400, 1 − 2e^-400, e^-400): −ln y_0 = 400 and −ln(1 − y_1) = 400 − ln 2.
    evaluate(0);
    CHECK(metrics[0].loss == doctest::Approx(800.0 - std::log(2.0)).epsilon(1e-7));
    CHECK(metrics[0].correct == 0.0);
    // δ_0 = −1 − 1/2: the others share what y_1 gives up, half each.
    CHECK(delta == std::vector<float>{-1.5F, 2.0F, -0.5F});
}

TEST_CASE(
    "the sum of square errors is the mean's gradient times the samples, and the mean over outputs 2/m") {
    const ContractFloatMode mode;
    Problem problem{"", {"dense units=5 activation=tanh", "dense units=4"}, Loss::kSquareError, false};
    std::vector<SampleMetrics> half_metrics;
    std::vector<SampleMetrics> metrics;
    Fixture half(problem);
    const Buffer<float> half_gradient = half.gradient(half_metrics);
    problem.loss = Loss::kSquareErrorSum;
    Fixture sum(problem);
    CHECK(std::ranges::equal(sum.gradient(metrics).span(), half_gradient.span()));
    CHECK(sum.network.objective().mean_factor(11) == 1.0F);
    CHECK(half.network.objective().mean_factor(11) == 1.0F / 11.0F);
    problem.loss = Loss::kMeanSquareError;
    Fixture mean(problem);
    // 2/m = 1/2 scales without rounding.
    const Buffer<float> mean_gradient = mean.gradient(metrics);
    for (std::size_t i = 0; i < half_gradient.size(); ++i) CHECK(mean_gradient[i] == 0.5F * half_gradient[i]);
    CHECK(metrics[0].loss == 0.5 * half_metrics[0].loss);
}

TEST_CASE("the gradient check leaves out parameters at a kink, and samples that lie on one") {
    const ContractFloatMode mode;
    NetworkSpec spec;
    spec.inputs = 1;
    spec.layers = {parse_layer("dense units=1 activation=relu"), parse_layer("dense units=1")};
    spec.loss = Loss::kSquareError;
    const Network network(spec);
    Buffer<float> parameters(network.layout().arena_size());
    const auto set = [&](std::size_t block, float value) {
        parameters[network.layout().blocks()[block].offset] = value;
    };
    set(0, 1.0F);
    set(2, 1.0F);
    const std::vector<float> x{0.0F};
    const std::vector<float> t{1.0F};
    const ConstMatrix input(x.data(), 1, 1);
    Workspace work(network.spec(), 1);
    CHECK(samples_off_kinks(network, parameters.span(), input, work).size() == 1);
    const Buffer<float> gradient(network.layout().arena_size());
    const auto blocks = check_gradient(network, parameters.span(), input, {{}, {t.data(), 1, 1}},
                                       gradient.span(), {.parameters = 0});
    CHECK(blocks[0].checked == 1);  // its input is 0
    CHECK(blocks[1].at_kinks == 1);
    CHECK(blocks[1].checked == 0);

    // 3 times the float next to 1/3 is just above 1, which float rounds to: ξ = 0 there, and above 0 in
    // double.
    set(0, 1.0F / 3.0F);
    set(1, -1.0F);
    const std::vector<float> three{3.0F};
    const ConstMatrix other(three.data(), 1, 1);
    CHECK(samples_off_kinks(network, parameters.span(), other, work).empty());
}

TEST_CASE("a NaN in the gradient is no small error") {
    const ContractFloatMode mode;
    Fixture fixture(kProblems.front());
    std::vector<SampleMetrics> metrics;
    Buffer<float> gradient = fixture.gradient(metrics);
    gradient[3] = std::nanf("");
    const auto blocks = check_gradient(fixture.network, fixture.parameters.span(), fixture.inputs(),
                                       fixture.targets(), gradient.span(), {.parameters = 0});
    CHECK(std::isnan(blocks[0].error));
}

TEST_CASE("a sample at a neuron's very centre has no gradient, and no NaN") {
    const ContractFloatMode mode;
    for (const char* layer : {"distance units=1 width=2", "distance units=1 activation=identity"}) {
        NetworkSpec spec;
        spec.inputs = 2;
        spec.layers = {parse_layer(layer)};
        spec.loss = Loss::kSquareError;
        const Network network(spec);
        Workspace work(spec, 1);
        const std::vector<float> centre{0.5F, -0.25F};
        Buffer<float> w(network.layout().arena_size());
        std::ranges::copy(centre, w.span().begin());
        const std::vector<float> t{3.0F};
        std::vector<SampleMetrics> metrics(1);
        const ConstMatrix x(centre.data(), 1, 2);
        network.forward(w.span(), x, work);
        network.evaluate({{}, {t.data(), 1, 1}}, 1, work, metrics);
        CHECK(metrics[0].loss > 0.0);
        Buffer<float> gradient(w.size());
        const NodeGradient node{1, gradient.span()};
        network.backward(w.span(), x, kLeaf, {&node, 1}, work, [](std::size_t) {});
        CHECK(gradient[0] == 0.0F);
        CHECK(gradient[1] == 0.0F);
    }
}

TEST_CASE("with dropout the gradient is that of the thinned network, also behind tanh and above distances") {
    const ContractFloatMode mode;
    const char* above = nullptr;
    SUBCASE("dense") { above = "dense units=3"; }
    SUBCASE("distances of what dropout leaves") { above = "distance units=3 width=1.5"; }
    NetworkSpec spec;
    spec.inputs = kInputs;
    spec.layers = {parse_layer("dense units=7 activation=tanh dropout=0.4"), parse_layer(above)};
    spec.loss = Loss::kSquareError;
    spec.input_dropout = 0.3F;
    const Network network(spec);
    Workspace work(spec, kSamples);
    Buffer<float> w(network.layout().arena_size());
    network.initialise(3, w.span());
    std::vector<float> x(kSamples * kInputs);
    std::vector<float> t(kSamples * 3);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.2F * static_cast<float>(i % 11) - 0.9F;
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = 0.1F * static_cast<float>(i % 5);
    const ConstMatrix inputs(x.data(), kSamples, kInputs);
    const DropoutDraw draw{.seed = 5, .step = 2, .first = 40};
    WholeArena arena(network.layout(), w.span());
    std::vector<SampleMetrics> metrics(kSamples);
    const auto loss = [&](const DropoutDraw* drawn) {
        network.forward(arena, inputs, work, drawn);
        network.evaluate({{}, {t.data(), kSamples, 3}}, kSamples, work, metrics);
        double sum = 0.0;
        for (const SampleMetrics& each : metrics) sum += each.loss;
        return sum;
    };
    Buffer<float> gradient(w.size());
    const double thinned = loss(&draw);
    const NodeGradient node{kSamples, gradient.span()};
    network.backward(w.span(), inputs, kLeaf, {&node, 1}, work, [](std::size_t) {});
    double scale = 0.0;
    for (const float value : gradient.span()) scale = std::max(scale, std::fabs(double{value}));
    for (const ParameterBlock& block : network.layout().blocks()) {
        for (std::size_t i = block.offset; i < block.offset + block.count(); ++i) {
            const float before = w[i];
            // The losses are sums of float roundings, 1e-6 in all, so that with h = 2^-6 the quotient is off
            // by 3e-5, and by h²/6 of the third derivative, 4e-5 of it. A missing mask is off by the scale
            // itself.
            constexpr float h = 0x1p-6F;
            w[i] = before + h;
            const double above = loss(&draw);
            w[i] = before - h;
            const double expected = (above - loss(&draw)) / (2.0 * double{h});
            w[i] = before;
            CHECK(std::fabs(double{gradient[i]} - expected) < 2e-3 * scale);
        }
    }
    CHECK(std::fabs(loss(nullptr) - thinned) > 0.01 * thinned);
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
