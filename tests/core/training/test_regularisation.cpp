// L2, weight decay and max-norm on whole arenas and on slices.
#include "core/training/regularisation.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/base/threads.h"

using namespace lockstep;

namespace {

struct Fixture {
    ParameterLayout layout;
    std::vector<float> gradient;
    std::vector<float> w;

    Fixture() {
        layout.append("layer0.weight", 0, 3, 5);
        layout.append("layer0.bias", 0, 1, 5, ParameterRole::kBias);
        layout.append("layer1.weight", 1, 5, 4);
        layout.append("layer1.bias", 1, 1, 4, ParameterRole::kBias);
        for (const ParameterBlock& block : layout.blocks()) {
            w.resize(layout.arena_size());
            gradient.resize(layout.arena_size());
            for (std::size_t i = 0; i < block.count(); ++i) {
                w[block.offset + i] = 1.0F + 0.1F * static_cast<float>(i);
                gradient[block.offset + i] =
                    static_cast<float>(block.offset % 7) - 0.5F * static_cast<float>(i);
            }
        }
    }

    /// The parameters after three steps, made on slices of that many values.
    [[nodiscard]] std::vector<float> after(const RegularisationOptions& options, const char* name,
                                           std::size_t slice) const {
        const ContractFloatMode mode;
        const auto optimizer = make_optimizer({.name = name}, w.size());
        const Regulariser regulariser(options, layout);
        std::vector<float> result = w;
        for (std::size_t t = 1; t <= 3; ++t) {
            for (std::size_t begin = 0; begin < w.size(); begin += slice) {
                const std::size_t count = std::min(slice, w.size() - begin);
                regulariser.update(*optimizer, {.number = t, .learning_rate = 0.1F, .mean_factor = 0.5F},
                                   begin, begin, std::span(gradient).subspan(begin, count),
                                   std::span(result).subspan(begin, count));
            }
        }
        return result;
    }
};

}  // namespace

TEST_CASE("regularisation: any slices give the bits of the whole arena, for every rule that takes slices") {
    const Fixture fixture;
    const RegularisationOptions options{.l2 = 0.01F, .weight_decay = 0.02F};
    for (const std::string_view name : optimizer_names()) {
        if (make_optimizer({.name = std::string(name)}, 0)->needs_whole_layers()) continue;
        CAPTURE(name);
        const std::vector<float> whole = fixture.after(options, std::string(name).c_str(), fixture.w.size());
        CHECK(whole != fixture.after({}, std::string(name).c_str(), fixture.w.size()));
        RegularisationOptions with_biases = options;
        with_biases.biases = true;
        const std::vector<float> all =
            fixture.after(with_biases, std::string(name).c_str(), fixture.w.size());
        CHECK(all != whole);
        for (const std::size_t slice : {1, 3, 16, 33}) {
            CHECK(fixture.after(options, std::string(name).c_str(), slice) == whole);
            CHECK(fixture.after(with_biases, std::string(name).c_str(), slice) == all);
        }
    }
}

TEST_CASE(
    "regularisation: gradient descent with L2 and with weight decay follows the formulas, biases neither") {
    const Fixture fixture;
    const std::vector<float> plain = fixture.after({}, "sgd", fixture.w.size());
    const std::vector<float> l2 = fixture.after({.l2 = 0.01F}, "sgd", fixture.w.size());
    const std::vector<float> decayed = fixture.after({.weight_decay = 0.02F}, "sgd", fixture.w.size());
    for (const ParameterBlock& block : fixture.layout.blocks()) {
        for (std::size_t i = block.offset; i < block.offset + block.count(); ++i) {
            if (block.role == ParameterRole::kBias) {
                CHECK(l2[i] == plain[i]);
                CHECK(decayed[i] == plain[i]);
                continue;
            }
            double expected_l2 = double{fixture.w[i]};
            double expected_decayed = expected_l2;
            for (int t = 0; t < 3; ++t) {
                const double g = 0.5 * double{fixture.gradient[i]};
                expected_l2 -= 0.1 * (g + 0.01 * expected_l2);
                expected_decayed = (expected_decayed - 0.1 * g) * (1.0 - 0.02);
            }
            // Three steps of a few roundings each, of values below 4: 10 · 2^-24 · 4.
            CHECK(std::fabs(double{l2[i]} - expected_l2) < 3e-6);
            CHECK(std::fabs(double{decayed[i]} - expected_decayed) < 3e-6);
        }
    }
}

TEST_CASE(
    "regularisation: max-norm bounds each neuron's incoming weights of the layer named, without biases") {
    Fixture fixture;
    const Regulariser regulariser({.max_norm = 1.5F}, fixture.layout);
    const std::vector<float> before = fixture.w;
    regulariser.limit_norms(1, fixture.w);
    for (const ParameterBlock& block : fixture.layout.blocks()) {
        const bool bounded = block.name == "layer1.weight";
        for (std::size_t c = 0; c < block.cols; ++c) {
            double sum = 0.0;
            for (std::size_t r = 0; r < block.rows; ++r) {
                const std::size_t i = block.offset + r * block.cols + c;
                sum += double{fixture.w[i]} * double{fixture.w[i]};
                CHECK((fixture.w[i] == before[i]) == !bounded);
            }
            // The factor and each product are rounded once.
            if (bounded) CHECK(std::sqrt(sum) == doctest::Approx(1.5).epsilon(3e-7));
        }
    }
}
