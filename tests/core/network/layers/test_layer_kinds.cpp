// What a layer's row promises: its text, layers without parameters, and layers that keep a state of each
// sample.
#include "core/network/layers/layer_kind.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/threads.h"
#include "core/network/check/gradient_check.h"
#include "core/network/layers/leaf_sum.h"
#include "core/network/network.h"

using namespace lockstep;

namespace {

constexpr std::size_t kSamples = 5;

NetworkSpec spec_of(std::initializer_list<const char*> layers) {
    NetworkSpec spec;
    spec.inputs = 3;
    spec.loss = Loss::kSquareError;
    for (const char* layer : layers) spec.layers.push_back(parse_layer(layer));
    return spec;
}

std::string error_of(const char* layer) {
    try {
        parse_layer(layer);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "";
}

std::vector<float> inputs() {
    std::vector<float> x(kSamples * 3);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.3F * static_cast<float>(i * 7 % 11) - 1.5F;
    return x;
}

struct Step {
    std::vector<float> outputs;
    std::vector<float> gradient;
    std::vector<std::size_t> told;  ///< layers of which gradient_done was called
};

/// Values that depend on the place in the arena alone.
std::vector<float> parameters_of(const Network& network) {
    std::vector<float> w(network.layout().arena_size());
    for (const ParameterBlock& block : network.layout().blocks()) {
        for (std::size_t i = block.offset; i < block.offset + block.count(); ++i)
            w[i] = 0.11F * static_cast<float>(i * 13 % 17) - 0.87F;
    }
    return w;
}

/// A forward and a backward pass in leaves of 2.
Step step_of(const Network& network) {
    const ContractFloatMode mode;
    Workspace work(network, kSamples);
    const std::vector<float> w = parameters_of(network);
    const std::vector<float> x = inputs();
    const std::vector<float> t(kSamples * network.outputs(), 0.25F);
    std::vector<SampleMetrics> metrics(kSamples);
    const ConstMatrix in(x.data(), kSamples, 3);
    Step step;
    const Matrix y = network.forward(w, in, work);
    for (std::size_t r = 0; r < kSamples; ++r)
        step.outputs.insert(step.outputs.end(), y.row(r).begin(), y.row(r).end());
    network.evaluate({{}, {t.data(), kSamples, network.outputs()}}, kSamples, work, metrics);
    // The leaf tree of 5 samples is ((0, 1), 2).
    std::vector<float> first(w.size());
    std::vector<float> second(w.size());
    const std::vector<NodeGradient> nodes{{4, first}, {1, second}};
    network.backward(w, in, 2, nodes, work, [&](std::size_t l) { step.told.push_back(l); });
    for (std::size_t i = 0; i < w.size(); ++i) step.gradient.push_back(first[i] + second[i]);
    return step;
}

/// Doubles its inputs, by a number per sample that forward() leaves in the state and begin_backward turns
/// into another: what a layer with gates would do.
class Doubling : public Layer {
  public:
    explicit Doubling(const LayerSite& site) : Layer(site.output, site.spec.activation) {}
    [[nodiscard]] std::size_t state_per_sample() const override { return 2; }
    void forward(std::span<const float> /*parameters*/, ConstMatrix x, Matrix y,
                 Matrix state) const override {
        for (std::size_t r = 0; r < x.rows; ++r) {
            state(r, 0) = static_cast<float>(r + 1);
            for (std::size_t i = 0; i < x.cols; ++i) y(r, i) = 2.0F * x(r, i);
        }
    }
    void begin_backward(std::span<const float> /*parameters*/, ConstMatrix /*x*/, ConstMatrix /*delta*/,
                        Matrix state) const override {
        for (std::size_t r = 0; r < state.rows; ++r) state(r, 1) = 2.0F * state(r, 0);
    }
    void input_delta(std::span<const float> /*parameters*/, ConstMatrix delta, ConstMatrix /*x*/,
                     ConstMatrix state, Activation /*f_below*/, ConstMatrix /*below*/,
                     Matrix delta_below) const override {
        for (std::size_t r = 0; r < delta.rows; ++r) {
            // 2, if both passes kept what belongs to the sample.
            const float factor = state(r, 1) / static_cast<float>(r + 1);
            for (std::size_t i = 0; i < delta.cols; ++i) delta_below(r, i) = factor * delta(r, i);
        }
    }
};

constexpr LayerKind kDoubling{
    .name = "doubling",
    .example = "doubling",
    .output_shape = [](const LayerSpec& /*spec*/, const Shape& input) { return input; },
    .blocks = [](const LayerSpec& /*spec*/, const Shape& /*input*/) { return std::vector<LayerBlock>{}; },
    .make = [](const LayerSite& site) -> std::unique_ptr<Layer> { return std::make_unique<Doubling>(site); },
    .potentials =
        [](const LayerSpec& /*spec*/, const Shape& /*input*/, std::span<const ReferenceBlock> /*blocks*/,
           std::span<const double> x) {
            std::vector<double> xi(x.begin(), x.end());
            for (double& value : xi) value *= 2.0;
            return xi;
        },
};

}  // namespace

TEST_CASE("an activation layer has no units and no weights, and says so") {
    for (const char* text : {"activation activation=relu", "activation activation=softmax",
                             "activation activation=tanh amplitude=1.7159 steepness=0.5 dropout=0.25"}) {
        CHECK(to_string(parse_layer(text)) == text);
        CHECK(parse_layer(to_string(parse_layer(text))) == parse_layer(text));
    }
    CHECK(error_of("activation").find("needs activation=, one of identity, relu") != std::string::npos);
    CHECK(error_of("activation units=3").find("units= is for other kinds") != std::string::npos);
    CHECK(error_of("activation activation=relu init=he").find("init= is for other kinds") !=
          std::string::npos);
    CHECK(error_of("activation activation=rleu").find("did you mean 'relu'") != std::string::npos);
    CHECK_THROWS_AS(check(spec_of({"activation activation=relu"})), ConfigError);
}

TEST_CASE(
    "linear neurons and an activation layer have the bits of the two in one, and the lowest weights end the "
    "pass") {
    const Step one =
        step_of(Network(spec_of({"dense units=6 activation=tanh", "dense units=2 activation=sigmoid"})));
    const Network apart(spec_of(
        {"dense units=6", "activation activation=tanh", "dense units=2", "activation activation=sigmoid"}));
    CHECK(apart.layout().layer_count() == 4);
    CHECK(apart.layer(1).output_shape() == Shape(6));
    const Step split = step_of(apart);
    CHECK(one.told == std::vector<std::size_t>{1, 0});
    CHECK(split.told == std::vector<std::size_t>{2, 0});
    CHECK(one.outputs == split.outputs);
    CHECK(one.gradient == split.gradient);
    const Step below = step_of(Network(spec_of({"activation activation=identity", "dense units=4"})));
    CHECK(below.told == std::vector<std::size_t>{1});
    CHECK(std::ranges::any_of(below.gradient, [](float g) { return g != 0.0F; }));
}

TEST_CASE("a layer's state lives from the forward pass to the backward pass, sample by sample") {
    NetworkSpec spec = spec_of({"dense units=4", "dense units=2 activation=tanh"});
    LayerSpec doubling;
    doubling.kind = &kDoubling;
    spec.layers.insert(spec.layers.begin() + 1, doubling);
    const Network network(spec);
    CHECK(Workspace::bytes(network, 10) ==
          Workspace::bytes(
              Network(spec_of({"dense units=4", "activation activation=identity", "dense units=2"})), 10) +
              10 * 2 * sizeof(float));
    const Step step = step_of(network);
    const std::vector<float> w = parameters_of(network);
    const std::vector<float> x = inputs();
    const std::vector<float> t(kSamples * 2, 0.25F);
    for (const BlockCheck& block :
         check_gradient(network, w, {x.data(), kSamples, 3}, {{}, {t.data(), kSamples, 2}}, step.gradient,
                        {.parameters = 0})) {
        CAPTURE(block.name);
        // Sums of 5 products with a few float roundings each.
        CHECK(block.error < 64 * 6e-8);
    }
}

TEST_CASE("shapes are carried through the layers, and an image stays one where a layer keeps it") {
    NetworkSpec spec = spec_of({"activation activation=relu", "dense units=5"});
    spec.inputs = Shape(4, 3, 2);
    CHECK(output_shapes(spec) == std::vector<Shape>{Shape(4, 3, 2), Shape(5)});
    const Network network(spec);
    CHECK(network.inputs() == 24);
    CHECK(network.input_shape(1) == Shape(4, 3, 2));
    CHECK(Shape(24) != Shape(4, 3, 2));
    CHECK(network.layout().blocks().front().rows == 24);
}

TEST_CASE(
    "activation: the table has a row for every kind, with a name that is its own among its potential's") {
    for (const ActivationRow& row : activation_table()) {
        std::size_t same = 0;
        for (const ActivationRow& other : activation_table()) {
            if (other.name == row.name && other.potential == row.potential) ++same;
        }
        CHECK(same == 1);
    }
    CHECK(row_of(ActivationKind::kGaussian).name == "gaussian");
    CHECK(layer_help().find("distance units=N [activation=gaussian|identity]") != std::string::npos);
}

TEST_CASE("a row of a program's own is a kind to those who are given it, and to nobody else") {
    LayerKind own = *layer_kinds().front();
    own.name = "mine";
    const std::array<const LayerKind*, 1> kinds{&own};
    const LayerSpec layer = parse_layer("mine units=4 activation=tanh", kinds);
    CHECK(layer.kind == &own);
    CHECK(parse_layer(to_string(layer), kinds) == layer);
    CHECK(parse_layer("dense units=4", kinds).kind == layer_kinds().front());
    CHECK(error_of("mine units=4").find("'mine' is not a valid layer kind") != std::string::npos);
}

TEST_CASE("sum_over_leaves: a chain within a leaf, and the leaves by the tree") {
    // 11 samples in leaves of 2: six leaves, of which four stand left of the root. No two orders have one
    // sum.
    std::vector<float> value(11);
    for (std::size_t s = 0; s < value.size(); ++s) value[s] = 1.0F / static_cast<float>(3 * s + 1);
    const auto leaf = [&](std::size_t l) {
        return l == 5 ? 0.0F + value[10] : 0.0F + value[2 * l] + value[2 * l + 1];
    };
    std::vector<float> sum{99.0F};
    sum_over_leaves(0, value.size(), 2, sum, [&](std::size_t s, std::span<float> of) { of[0] += value[s]; });
    CHECK(sum[0] == ((leaf(0) + leaf(1)) + (leaf(2) + leaf(3))) + (leaf(4) + leaf(5)));
    sum_over_leaves(0, 0, 2, sum, [](std::size_t, std::span<float>) {});
    CHECK(sum[0] == 0.0F);
}
