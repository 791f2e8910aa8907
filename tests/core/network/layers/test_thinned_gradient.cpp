// Gradients with dropout, and at the one place where a distance has none.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/core/network/gradient_problems.h"

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("a sample at a neuron's very centre has no gradient, and no NaN") {
    const ContractFloatMode mode;
    for (const char* layer : {"distance units=1 width=2", "distance units=1 activation=identity"}) {
        NetworkSpec spec;
        spec.inputs = 2;
        spec.layers = {parse_layer(layer)};
        spec.loss = Loss::kSquareError;
        const Network network(spec);
        Workspace work(network, 1);
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
    Workspace work(network, kSamples);
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
