// Gradients of every layer and loss against central differences of a network in double precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/network/check/reference_network.h"
#include "tests/core/network/gradient_problems.h"

using namespace lockstep;
using namespace lockstep::testing;

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
