// The optimizers against double references: two tensors, three steps.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/threads.h"
#include "core/training/optimizer.h"

using namespace lockstep;

namespace {

constexpr std::size_t kSize = 48;
struct Tensor {
    std::size_t first;
    std::size_t count;
};
constexpr Tensor kTensors[]{{0, 20}, {32, 16}};  // a gap between them, as in an arena
constexpr float kMeanFactor = 1.0F / 7.0F;
constexpr int kSteps = 3;

/// A rule and its rate.
struct Rule {
    OptimizerOptions options;
    float learning_rate = 0.1F;
};

std::vector<float> gradient_of_step(int step) {
    std::mt19937 random(static_cast<unsigned>(100 + step));
    std::normal_distribution<float> normal(0.0F, 3.0F);
    std::vector<float> gradient(kSize);
    for (float& value : gradient) value = normal(random);
    return gradient;
}

/// Three steps by lockstep, the tensors in the order given.
std::vector<float> trained(const Rule& rule, bool last_tensor_first = false) {
    const ContractFloatMode mode;
    const auto optimizer = make_optimizer(rule.options, kSize);
    std::vector<float> w = gradient_of_step(0);
    for (int step = 1; step <= kSteps; ++step) {
        const std::vector<float> gradient = gradient_of_step(step);
        const UpdateStep update{static_cast<std::size_t>(step), rule.learning_rate, kMeanFactor};
        for (const std::size_t i : {0, 1}) {
            const auto [first, count] = kTensors[last_tensor_first ? 1 - i : i];
            optimizer->update(update, first, std::span(gradient).subspan(first, count),
                              std::span(w).subspan(first, count));
        }
    }
    return w;
}

/// The same in double, from the formulas of the papers.
std::vector<double> reference(const Rule& rule) {
    const OptimizerOptions& o = rule.options;
    const std::vector<float> first = gradient_of_step(0);
    std::vector<double> w(first.begin(), first.end());
    std::vector<double> m(kSize);
    std::vector<double> v(kSize);
    for (int step = 1; step <= kSteps; ++step) {
        const std::vector<float> gradient = gradient_of_step(step);
        for (const Tensor tensor : kTensors) {
            for (std::size_t i = tensor.first; i < tensor.first + tensor.count; ++i) {
                const double g = double{gradient[i]} * double{kMeanFactor};
                if (o.name == "sgd") {
                    m[i] = double{o.momentum} * m[i] - double{rule.learning_rate} * g;
                    w[i] += m[i];
                } else {
                    m[i] = double{o.beta1} * m[i] + (1 - double{o.beta1}) * g;
                    v[i] = double{o.beta2} * v[i] + (1 - double{o.beta2}) * g * g;
                    const double m_hat = m[i] / (1 - std::pow(double{o.beta1}, step));
                    const double v_hat = v[i] / (1 - std::pow(double{o.beta2}, step));
                    w[i] -= double{rule.learning_rate} * m_hat / (std::sqrt(v_hat) + double{o.epsilon});
                }
            }
        }
    }
    return w;
}

double worst_error(const std::vector<float>& w, const std::vector<double>& expected) {
    double worst = 0.0;
    for (std::size_t i = 0; i < kSize; ++i) {
        worst =
            std::max(worst, std::fabs(double{w[i]} - expected[i]) / std::max(1.0, std::fabs(expected[i])));
    }
    return worst;
}

// Three steps of about eight roundings of 6e-8 each, on values of order 1 to 10.
constexpr double kTolerance = 24 * 6e-8;

Rule sgd() { return {{.name = "sgd", .momentum = 0.9F}, 0.3F}; }
Rule adam() { return {{.name = "adam"}, 0.01F}; }

}  // namespace

TEST_CASE("each optimizer follows its formula over two tensors and three steps") {
    CHECK(worst_error(trained(sgd()), reference(sgd())) < kTolerance);
    CHECK(worst_error(trained(adam()), reference(adam())) < kTolerance);
}

TEST_CASE("the optimizer check rejects a momentum, a beta or a rate that is slightly wrong") {
    Rule wrong = sgd();
    wrong.options.momentum = 0.901F;
    CHECK(worst_error(trained(wrong), reference(sgd())) > kTolerance);
    wrong = adam();
    wrong.options.beta2 = 0.9985F;
    CHECK(worst_error(trained(wrong), reference(adam())) > kTolerance);
    wrong = adam();
    wrong.learning_rate = 0.0101F;
    CHECK(worst_error(trained(wrong), reference(adam())) > kTolerance);
}

TEST_CASE("the order of the slices does not change a bit, and the gap between tensors stays as it was") {
    for (const std::string_view name : optimizer_names()) {
        const OptimizerOptions options{.name = std::string(name),
                                       .momentum = name == "adagrad" ? 0.0F : 0.5F};
        CAPTURE(name);
        const std::vector<float> w = trained({options});
        CHECK(w == trained({options}, true));
        const std::vector<float> first = gradient_of_step(0);
        for (std::size_t i = 20; i < 32; ++i) CHECK(w[i] == first[i]);
    }
}

TEST_CASE("a rule that needs whole layers says so, and any slice serves the others") {
    const ContractFloatMode mode;
    const std::vector<float> gradient = gradient_of_step(1);
    for (const std::string_view name : optimizer_names()) {
        CAPTURE(name);
        const OptimizerOptions options{.name = std::string(name)};
        std::vector<float> whole = gradient_of_step(0);
        std::vector<float> cut = whole;
        const auto one = make_optimizer(options, kSize);
        const auto other = make_optimizer(options, kSize);
        one->update({1, 0.1F, kMeanFactor}, 0, gradient, whole);
        for (const Tensor slice : {Tensor{0, 7}, Tensor{7, kSize - 7}}) {
            other->update({1, 0.1F, kMeanFactor}, slice.first,
                          std::span(gradient).subspan(slice.first, slice.count),
                          std::span(cut).subspan(slice.first, slice.count));
        }
        CHECK((whole == cut) == !one->needs_whole_layers());
        CHECK(one->needs_whole_layers() == (name == "lars" || name == "lamb"));
    }
}

TEST_CASE("an unknown optimizer is refused with the nearest name") {
    CHECK_THROWS_WITH_AS(make_optimizer({.name = "adm"}, 1), doctest::Contains("did you mean 'adam'"),
                         ConfigError);
}
