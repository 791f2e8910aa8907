// Losses and deltas where rounding, scale or NaN could spoil them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/core/network/gradient_problems.h"

using namespace lockstep;
using namespace lockstep::testing;

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
