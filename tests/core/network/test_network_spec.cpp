// Layers, losses and their texts; the layout of parameters; the initialisers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/network/layers/initialiser.h"
#include "core/network/network.h"

using namespace lockstep;

namespace {

std::string error_of(std::string_view layer) {
    try {
        parse_layer(layer);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a layer's text reads back as the same layer") {
    for (const char* text : {"dense units=800 activation=relu", "dense activation=softmax units=10",
                             "dense units=3 activation=tanh amplitude=1.7159 steepness=0.66666669",
                             "dense units=4 activation=step", "dense units=4 activation=saturated init=lecun",
                             "distance units=5", "distance units=5 width=0.3 init=normal scale=2 dropout=0.1",
                             "distance units=2 activation=identity init=constant", "dense units=1",
                             "dense units=2 activation=sigmoid steepness=3 init=lecun"}) {
        const LayerSpec layer = parse_layer(text);
        CHECK(parse_layer(to_string(layer)) == layer);
    }
    CHECK(parse_layer("dense units=8 activation=relu").initialiser == Initialiser::kHe);
    CHECK(parse_layer("dense units=8 activation=tanh").initialiser == Initialiser::kGlorot);
}

TEST_CASE("a misspelled layer names the rule and the nearest spelling") {
    CHECK(contains(error_of("dens units=3"), "did you mean 'dense'"));
    CHECK(contains(error_of("dense unit=3"), "did you mean 'units'"));
    CHECK(contains(error_of("dense units=3 activation=rleu"), "did you mean 'relu'"));
    CHECK(contains(error_of("dense units=3 init=hee"), "did you mean 'he'"));
    CHECK(contains(error_of("dense"), "units=N"));
    CHECK(contains(error_of(""), "needs a kind"));
    CHECK(contains(error_of("dense units=0"), "whole number"));
    CHECK(contains(error_of("dense units=-4"), "whole number"));
    CHECK(contains(error_of("dense units=12x"), "whole number"));
    CHECK(contains(error_of("dense units=3 units=4"), "twice"));
    CHECK(contains(error_of("dense units=3 activation"), "needs a value"));
    CHECK(contains(error_of("dense units=3 activation=relu steepness=2"), "steepness="));
    CHECK(contains(error_of("dense units=3 activation=sigmoid amplitude=2"), "amplitude="));
    CHECK(contains(error_of("dense units=3 activation=tanh steepness=nan"), "positive"));
}

TEST_CASE("a distance layer has a Gaussian and centres drawn by their own laws, and says what it lacks") {
    const LayerSpec layer = parse_layer("distance units=5 width=0.25");
    CHECK(layer.activation == Activation{ActivationKind::kGaussian, 1.0F, 0.25F});
    CHECK(layer.initialiser == Initialiser::kUniform);
    CHECK(to_string(layer) == "distance units=5 activation=gaussian width=0.25 init=uniform");
    CHECK(contains(error_of("distance"), "a distance layer needs units=N"));
    CHECK(contains(error_of("distanse units=3"), "did you mean 'distance'"));
    CHECK(contains(error_of("distance units=3 activation=gausian"), "did you mean 'gaussian'"));
    CHECK(contains(error_of("distance units=3 activation=relu"), "valid: gaussian, identity"));
    CHECK(contains(error_of("distance units=3 activation="), "valid: gaussian, identity"));
    CHECK(contains(error_of("distance units=3 init=he"), "init=uniform"));
    CHECK(contains(error_of("distance units=3 width=0"), "positive"));
    CHECK(contains(error_of("distance units=3 width=1e-30"), "1e-18"));
    CHECK(contains(error_of("distance units=3 activation=identity width=2"), "width="));
    CHECK(contains(error_of("dense units=3 activation=tanh width=2"), "width="));
    CHECK(contains(error_of("dense units=3 activation=gaussian"), "the kind distance"));

    NetworkSpec spec;
    spec.inputs = 3;
    spec.loss = Loss::kSquareError;
    spec.layers = {layer};
    const Network network(spec);
    REQUIRE(network.layout().blocks().size() == 1);
    const ParameterBlock& centre = network.layout().blocks().front();
    CHECK(centre.name == "layer0.centre");
    CHECK(centre.rows == 3);
    CHECK(centre.cols == 5);
    CHECK(centre.role == ParameterRole::kOther);
    std::vector<float> whole(network.layout().arena_size(), 7.0F);
    network.initialise(3, whole);
    // 15 values in [-1, 1), the scale where none is given, and a gap.
    CHECK(std::ranges::all_of(std::span(whole).first(15), [](float w) { return std::fabs(w) <= 1.0F; }));
    CHECK(*std::ranges::max_element(std::span(whole).first(15)) > 0.5F);
    CHECK(whole[15] == 0.0F);
    std::vector<float> slice(6);
    network.initialise(3, {5, 6}, slice);
    CHECK(std::equal(slice.begin(), slice.end(), whole.begin() + 5));
    spec.loss = Loss::kCrossEntropy;
    CHECK_THROWS_AS(check(spec), ConfigError);
}

TEST_CASE("the perceptron's rule takes one layer of unit steps and nothing else") {
    NetworkSpec spec;
    spec.inputs = 2;
    spec.loss = parse_loss("perceptron");
    spec.layers = {parse_layer("dense units=3 activation=step")};
    CHECK_NOTHROW(check(spec));
    spec.layers.push_back(parse_layer("dense units=1 activation=step"));
    CHECK_THROWS_AS(check(spec), ConfigError);
    for (const char* other : {"sigmoid", "saturated", "softmax", "identity"}) {
        spec.layers = {parse_layer(std::string("dense units=3 activation=") + other)};
        CHECK_THROWS_AS(check(spec), ConfigError);
    }
}

TEST_CASE(
    "the perceptron's rule corrects by y - t and counts a sample right only where all its outputs are") {
    NetworkSpec spec;
    spec.inputs = 1;
    spec.layers = {parse_layer("dense units=2 activation=step")};
    spec.loss = Loss::kPerceptron;
    const Objective objective(spec);
    const std::vector<float> y{1.0F, 0.0F, 1.0F, 1.0F};
    const std::vector<float> t{0.0F, 1.0F, 1.0F, 1.0F};
    std::vector<float> delta(4);
    std::vector<float> scratch(2);
    std::vector<SampleMetrics> metrics(2);
    objective.evaluate({y.data(), 2, 2}, {{}, {t.data(), 2, 2}}, {delta.data(), 2, 2}, metrics, scratch);
    CHECK(delta == std::vector<float>{1.0F, -1.0F, 0.0F, 0.0F});
    CHECK(metrics[0].loss == 2.0);
    CHECK(metrics[0].correct == 0.0);
    CHECK(metrics[1].loss == 0.0);
    CHECK(metrics[1].correct == 1.0);
}

TEST_CASE("combinations of layers and loss that mean nothing are refused") {
    NetworkSpec spec;
    spec.inputs = 2;
    CHECK_THROWS_AS(check(spec), ConfigError);
    spec.layers = {parse_layer("dense units=2 activation=softmax"),
                   parse_layer("dense units=2 activation=softmax")};
    CHECK_THROWS_AS(check(spec), ConfigError);
    spec.layers.erase(spec.layers.begin());
    CHECK_NOTHROW(check(spec));
    spec.loss = Loss::kSquareError;
    CHECK_THROWS_AS(check(spec), ConfigError);
    spec.layers = {parse_layer("dense units=2 activation=relu")};
    CHECK_NOTHROW(check(spec));
    spec.loss = Loss::kCrossEntropy;
    CHECK_THROWS_AS(check(spec), ConfigError);
    spec.layers = {parse_layer("dense units=1 activation=softmax")};
    CHECK_THROWS_AS(check(spec), ConfigError);
}

TEST_CASE("parameter blocks lie in order, each on a cache line, and a layer's range holds its blocks") {
    ParameterLayout layout;
    layout.append("layer0.weight", 0, 3, 5);
    layout.append("layer0.bias", 0, 1, 5);
    layout.append("layer2.weight", 2, 5, 2);
    CHECK(layout.parameter_count() == 15 + 5 + 10);
    CHECK(layout.arena_size() == 48);
    for (const ParameterBlock& block : layout.blocks()) CHECK(block.offset % 16 == 0);
    CHECK(layout.layer_range(0) == ArenaRange{0, 32});
    CHECK(layout.layer_range(1) == ArenaRange{});
    CHECK(layout.layer_range(2) == ArenaRange{32, 16});
    CHECK(layout.layer_range(3) == ArenaRange{});
    CHECK(layout.blocks_of(0).size() == 2);
    CHECK(layout.blocks_of(1).empty());
    CHECK(layout.blocks_of(2).front().name == "layer2.weight");
    for (const std::size_t element : {0, 15, 16, 31}) CHECK(layout.layer_of(element) == 0);
    for (const std::size_t element : {32, 47}) CHECK(layout.layer_of(element) == 2);
    CHECK_THROWS_AS(layout.append("layer1.weight", 1, 2, 2), Error);
    CHECK_THROWS_AS(layout.append("huge", 3, std::size_t{1} << 40, std::size_t{1} << 40), ConfigError);
}

TEST_CASE("initial weights depend on seed, layer and index alone, and fill their range") {
    std::vector<float> weight(4001);
    draw_weights(Initialiser::kGlorot, std::nullopt, 3, 1, 100, 50, 0, weight);
    const float bound = std::sqrt(6.0F / 150.0F);
    const auto [least, most] = std::ranges::minmax(weight);
    CHECK(least >= -bound);
    CHECK(most <= bound);
    CHECK(most > 0.99F * bound);
    CHECK(least < -0.99F * bound);
    double mean = 0.0;
    for (const float value : weight) mean += double{value} / 4001.0;
    // A uniform mean of 4001 values has a deviation of bound / √(3 · 4001) = 0.009 bounds.
    CHECK(std::fabs(mean) < 0.04 * double{bound});

    std::vector<float> shorter(1000);
    draw_weights(Initialiser::kGlorot, std::nullopt, 3, 1, 100, 50, 0, shorter);
    CHECK(std::equal(shorter.begin(), shorter.end(), weight.begin()));
    // Any slice alone, wherever it cuts the stream's blocks of four.
    for (const std::size_t first : {1, 2, 3, 4, 501}) {
        for (const std::size_t count : {0, 1, 2, 3, 6}) {
            std::vector<float> slice(count);
            draw_weights(Initialiser::kGlorot, std::nullopt, 3, 1, 100, 50, first, slice);
            CHECK(
                std::equal(slice.begin(), slice.end(), weight.begin() + static_cast<std::ptrdiff_t>(first)));
        }
    }
    std::vector<float> other(1000);
    draw_weights(Initialiser::kGlorot, std::nullopt, 4, 1, 100, 50, 0, other);
    CHECK(other != shorter);
    draw_weights(Initialiser::kGlorot, std::nullopt, 3, 2, 100, 50, 0, other);
    CHECK(other != shorter);
}

TEST_CASE("init=uniform is as wide as its scale, or the lecture's; init=constant is its scale") {
    std::vector<float> weight(1000);
    draw_weights(Initialiser::kUniform, std::nullopt, 3, 1, 100, 10, 0, weight);
    std::vector<float> lecun(1000);
    draw_weights(Initialiser::kLecun, std::nullopt, 3, 1, 100, 10, 0, lecun);
    CHECK(weight == lecun);
    draw_weights(Initialiser::kUniform, 0.5F, 3, 1, 100, 10, 0, weight);
    const auto [least, most] = std::ranges::minmax(weight);
    CHECK(least >= -0.5F);
    CHECK(least < -0.49F);
    CHECK(most < 0.5F);
    CHECK(most > 0.49F);
    draw_weights(Initialiser::kConstant, -0.25F, 3, 1, 100, 10, 0, weight);
    CHECK(weight == std::vector<float>(1000, -0.25F));
    draw_weights(Initialiser::kConstant, std::nullopt, 3, 1, 100, 10, 0, weight);
    CHECK(weight == std::vector<float>(1000, 0.0F));
}

TEST_CASE("normal initial weights have the moments of their law, and any slice has the bits of the whole") {
    constexpr std::size_t kCount = 100000;
    std::vector<float> weight(kCount);
    draw_weights(Initialiser::kNormal, 2.0F, 3, 1, 100, 1000, 0, weight);
    double sum = 0.0;
    double squares = 0.0;
    double products = 0.0;
    double fourths = 0.0;
    double within = 0.0;
    for (std::size_t i = 0; i < kCount; ++i) {
        const double value = double{weight[i]} / 2.0;
        sum += value / kCount;
        squares += value * value / kCount;
        fourths += value * value * value * value / kCount;
        products += value * double{weight[i ^ 1U]} / 2.0 / kCount;
        if (std::fabs(value) < 1.0) within += 1.0 / kCount;
    }
    // Five deviations of each mean over 10^5 values: 1, √2, √96, √2 (pairs count twice), √(0.683 · 0.317).
    const double unit = 5.0 / std::sqrt(static_cast<double>(kCount));
    CHECK(std::fabs(sum) < unit);
    CHECK(std::fabs(squares - 1.0) < 1.4143 * unit);
    CHECK(std::fabs(fourths - 3.0) < 9.8 * unit);
    CHECK(std::fabs(products) < 1.4143 * unit);
    CHECK(std::fabs(within - 0.682689) < 0.4655 * unit);

    const auto natural = [&](Initialiser initialiser) {
        std::vector<float> first(1);
        draw_weights(initialiser, std::nullopt, 3, 1, 100, 300, 0, first);
        return double{first[0]} / double{weight[0]} * 2.0;
    };
    CHECK(natural(Initialiser::kNormal) == doctest::Approx(0.1).epsilon(1e-6));
    CHECK(natural(Initialiser::kHeNormal) == doctest::Approx(std::sqrt(0.02)).epsilon(1e-6));
    CHECK(natural(Initialiser::kGlorotNormal) == doctest::Approx(std::sqrt(0.005)).epsilon(1e-6));
    for (const std::size_t first : {1, 2, 3, 502}) {
        std::vector<float> slice(7);
        draw_weights(Initialiser::kNormal, 2.0F, 3, 1, 100, 1000, first, slice);
        CHECK(std::equal(slice.begin(), slice.end(), weight.begin() + static_cast<std::ptrdiff_t>(first)));
    }
}

TEST_CASE("initialisers and dropout are read back as written, and refused where they make no sense") {
    for (const char* text : {"dense units=2 activation=tanh init=uniform scale=0.3",
                             "dense units=2 activation=relu init=he_normal dropout=0.25",
                             "dense units=2 activation=relu init=he bias_init=weights dropout=0.25",
                             "dense units=2 activation=identity init=constant scale=-0.7"}) {
        CHECK(to_string(parse_layer(text)) == text);
    }
    for (const char* text :
         {"dense units=3 init=normall", "dense units=3 init=he scale=2", "dense units=3 init=normal scale=-1",
          "dense units=3 init=constant scale=x", "dense units=3 dropout=1", "dense units=3 dropout=-0.1"}) {
        CHECK_THROWS_AS(parse_layer(text), ConfigError);
    }
}
