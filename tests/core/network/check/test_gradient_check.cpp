// What the gradient check leaves out, and what it must not let pass.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/core/network/gradient_problems.h"

using namespace lockstep;
using namespace lockstep::testing;

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
    Workspace work(network, 1);
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
