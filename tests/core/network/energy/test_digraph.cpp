// The activity of networks with cycles: when it ends, and what it adds up.
#include "core/network/energy/digraph.h"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

#include "core/arithmetic/double_functions.h"
#include "core/base/error.h"

using namespace lockstep;

namespace {

/// One input neuron with an edge to itself, which is the output.
Digraph loop(double weight, double bias, ActivationKind activation) {
    return {.neurons = {{.name = "x", .activation = activation, .bias = bias}},
            .edges = {{0, 0, weight}},
            .inputs = {0},
            .outputs = {0},
            .halt = {}};
}

Activity run(const Digraph& digraph, std::vector<double> sample, std::size_t limit = 100) {
    return run_digraph(digraph, sample, limit);
}

}  // namespace

TEST_CASE("a digraph stops where one more step would change nothing") {
    const Digraph keep = loop(1.0, 0.0, ActivationKind::kSaturated);
    const Activity still = run(keep, {0.3});
    CHECK(still.end == ActivityEnd::kStill);
    CHECK(still.steps == 0);
    CHECK(still.outputs == std::vector<double>{0.3});
    // 0, 1/4, 1/2, 3/4, 1, 1.
    const Digraph count = loop(1.0, 0.25, ActivationKind::kSaturated);
    CHECK(run(count, {0.0}).steps == 4);
    CHECK(run(count, {0.0}).outputs[0] == 1.0);
    // A minus zero is a zero.
    CHECK(run(loop(-1.0, 0.0, ActivationKind::kSaturated), {-0.0}).end == ActivityEnd::kStill);
}

TEST_CASE("the limit counts steps that change something, and a network that stops at it has stopped") {
    const Digraph count = loop(1.0, 0.25, ActivationKind::kSaturated);
    const Activity short_of_it = run(count, {0.0}, 3);
    CHECK(short_of_it.end == ActivityEnd::kLimit);
    CHECK(short_of_it.steps == 3);
    CHECK(short_of_it.outputs[0] == 0.75);
    CHECK(run(count, {0.0}, 4).end == ActivityEnd::kStill);
    CHECK(run(count, {0.0}, 0).outputs[0] == 0.0);
    // 1 - x for ever.
    const Activity blinking = run(loop(-1.0, 1.0, ActivationKind::kSaturated), {0.0}, 7);
    CHECK(blinking.end == ActivityEnd::kLimit);
    CHECK(blinking.outputs[0] == 1.0);
}

TEST_CASE("all neurons step at once, a clamped one not at all, and the halt neuron ends it") {
    Digraph digraph{.neurons = {{.name = "in", .clamped = true},
                                {.name = "a", .initial = 0.5},
                                {.name = "b"},
                                {.name = "end", .activation = ActivationKind::kStep, .bias = -0.5}},
                    .edges = {{0, 1, 1.0}, {1, 2, 1.0}, {2, 3, 1.0}},
                    .inputs = {0},
                    .outputs = {0, 1, 2, 3},
                    .halt = {}};
    // a(0) = 1/2 is b(1), not a(1) = 1: one after the other would give 1.
    CHECK(run(digraph, {7.0}, 1).outputs == std::vector<double>{7.0, 1.0, 0.5, 0.0});
    const Activity still = run(digraph, {7.0});
    CHECK(still.end == ActivityEnd::kStill);
    CHECK(still.steps == 2);
    digraph.halt = 2;
    CHECK(run(digraph, {7.0}).end == ActivityEnd::kHalted);
    CHECK(run(digraph, {7.0}).steps == 2);
    digraph.halt = 0;
    CHECK(run(digraph, {1.0}).steps == 0);
    CHECK(run(digraph, {0.999}).end == ActivityEnd::kStill);
}

TEST_CASE("a potential is one chain over the edges in their order, and the bias comes last") {
    const double tiny = 0x1p-60;
    Digraph digraph{.neurons = {{.name = "one", .clamped = true},
                                {.name = "sum", .activation = ActivationKind::kIdentity, .bias = -1.0}},
                    .edges = {},
                    .inputs = {0},
                    .outputs = {1},
                    .halt = {}};
    digraph.neurons.push_back({.name = "two", .initial = 1.0, .clamped = true});
    digraph.neurons.push_back({.name = "three", .initial = 1.0, .clamped = true});
    digraph.edges = {{0, 1, tiny}, {2, 1, 1.0}, {3, 1, -1.0}};
    CHECK(run(digraph, {1.0}).outputs[0] == -1.0);  // 2^-60 is lost beside 1
    digraph.edges = {{2, 1, 1.0}, {3, 1, -1.0}, {0, 1, tiny}};
    CHECK(run(digraph, {1.0}).outputs[0] == tiny - 1.0);
    digraph.neurons[1].bias = tiny;
    CHECK(run(digraph, {1.0}).outputs[0] == tiny + tiny);
    // Products are not rounded by themselves: (1 + 2^-30)² - (1 + 2^-29) = 2^-60.
    const double near_one = 1.0 + 0x1p-30;
    digraph.neurons[1].bias = 0.0;
    digraph.neurons[2].initial = near_one;
    digraph.edges = {{3, 1, -(1.0 + 0x1p-29)}, {2, 1, near_one}};
    CHECK(run(digraph, {1.0}).outputs[0] == tiny);
}

TEST_CASE("each activation is its formula in double") {
    const auto after_one = [](ActivationKind kind, double x) {
        Digraph digraph = loop(1.0, 0.0, kind);
        digraph.neurons.push_back({.name = "y", .activation = kind});
        digraph.edges = {{0, 1, 1.0}, {0, 0, 1.0}};
        digraph.outputs = {1};
        return run(digraph, {x}, 1).outputs[0];
    };
    CHECK(after_one(ActivationKind::kSaturated, -2.0) == 0.0);
    CHECK(after_one(ActivationKind::kSaturated, 0.3) == 0.3);
    CHECK(after_one(ActivationKind::kSaturated, 2.0) == 1.0);
    CHECK(after_one(ActivationKind::kStep, -0.1) == 0.0);
    CHECK(after_one(ActivationKind::kStep, 0.0) == 1.0);
    CHECK(after_one(ActivationKind::kRelu, -2.0) == 0.0);
    CHECK(after_one(ActivationKind::kRelu, 2.5) == 2.5);
    CHECK(after_one(ActivationKind::kIdentity, -2.5) == -2.5);
    CHECK(after_one(ActivationKind::kSigmoid, 0.3) == in_double::sigmoid(0.3));
    CHECK(after_one(ActivationKind::kTanh, -0.3) == in_double::tanh(-0.3));
}

TEST_CASE("an input keeps all bits of its double") {
    // Half a unit in the last place of a float below 1/2: as a float it would be 1/2.
    const double below = 0.5 - 0x1p-40;
    CHECK(run(loop(1.0, 0.0, ActivationKind::kIdentity), {below}).outputs[0] - 0.5 == -0x1p-40);
}

TEST_CASE("a state that grows beyond all numbers is an error that names its neuron") {
    try {
        run(loop(0x1p100, 0.0, ActivationKind::kIdentity), {1.0});
        FAIL("no error");
    } catch (const NumericalError& error) {
        CHECK(std::string(error.what()).find("neuron x is inf after 11 steps") != std::string::npos);
    }
    CHECK_THROWS_AS(run(loop(1.0, 0.0, ActivationKind::kSaturated), {1.0, 2.0}), std::invalid_argument);
}
