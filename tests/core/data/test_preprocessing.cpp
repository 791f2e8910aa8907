#include "core/data/preprocessing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/buffer.h"
#include "core/base/philox.h"
#include "core/base/threads.h"
#include "core/data/stored_dataset.h"

namespace lockstep {
namespace {

std::shared_ptr<const Dataset> stored(std::vector<float> values, std::size_t inputs) {
    std::vector<std::int32_t> labels(values.size() / inputs);
    return std::make_shared<StoredDataset>("numbers", std::move(values), inputs,
                                           StoredTargets{std::move(labels), 2}, 1.0F);
}

/// 700 samples, more than two blocks, of correlated inputs; the third is constant.
std::shared_ptr<const Dataset> correlated() {
    const RandomStream random(9, RandomPurpose::kSyntheticData);
    std::vector<float> values;
    for (std::uint64_t s = 0; s < 700; ++s) {
        const auto words = random.block(s);
        const auto uniform = [&](std::size_t w) {
            return static_cast<float>(words[w] >> 8) / 0x1p24F - 0.5F;
        };
        const float a = uniform(0);
        const float b = uniform(1);
        values.insert(values.end(), {3.0F * a + 10.0F, 3.0F * a + b, 7.0F, 0.01F * uniform(2) - a});
    }
    return stored(std::move(values), 4);
}

std::vector<float> seen(const std::shared_ptr<const Dataset>& set, const Preprocessing& preprocessing) {
    const PreprocessedDataset view(set, std::make_shared<Preprocessing>(preprocessing));
    std::vector<std::uint64_t> all(set->size());
    std::iota(all.begin(), all.end(), std::uint64_t{0});
    std::vector<float> y(all.size() * view.input_size());
    view.read(all, {y.data(), all.size(), view.input_size()}, {});
    return y;
}

/// Σ over samples of y_i y_j / n, or with j = n of y_i.
double moment(const std::vector<float>& y, std::size_t cols, std::size_t i, std::size_t j) {
    double sum = 0.0;
    for (std::size_t r = 0; r * cols < y.size(); ++r) {
        sum += static_cast<double>(y[r * cols + i]) * (j < cols ? static_cast<double>(y[r * cols + j]) : 1.0);
    }
    return sum * static_cast<double>(cols) / static_cast<double>(y.size());
}

TEST_CASE("preprocessing: numbers worked out by hand") {
    const auto set = stored({1, 10, 5, 3, 30, 5, 5, 20, 5}, 3);
    const Preprocessing standardised = fit_preprocessing({.inputs = InputScaling::kStandardise}, *set);
    CHECK(standardised.offset == std::vector<float>{3, 20, 5});
    // Variances 8/3 and 200/3; the constant input is left at 0.
    CHECK(standardised.factor[0] == static_cast<float>(1.0 / std::sqrt(8.0 / 3.0)));
    CHECK(standardised.factor[1] == doctest::Approx(1.0 / std::sqrt(200.0 / 3.0)));
    CHECK(standardised.factor[2] == 0.0F);
    CHECK(seen(set, fit_preprocessing({.inputs = InputScaling::kMinMax}, *set)) ==
          std::vector<float>{0, 0, 0, 0.5, 1, 0, 1, 0.5, 0});
    // The covariance's first eigenvector of the points (1, 1), (3, 3), (5, 5) is the diagonal.
    const auto line = stored({1, 1, 3, 3, 5, 5}, 2);
    const auto y = seen(line, fit_preprocessing({.inputs = InputScaling::kPca, .components = 1}, *line));
    CHECK(y[0] == doctest::Approx(-2.0 * std::sqrt(2.0)));
    CHECK(y[1] == 0.0F);
    CHECK(y[2] == doctest::Approx(2.0 * std::sqrt(2.0)));
}

TEST_CASE("preprocessing: an input with a large mean keeps its small variance") {
    std::vector<float> values;
    for (int s = 0; s < 100; ++s) values.push_back(1e6F + (s % 2 == 0 ? 0.5F : -0.5F));
    const auto set = stored(std::move(values), 1);
    const auto y = seen(set, fit_preprocessing({.inputs = InputScaling::kStandardise}, *set));
    CHECK(y[0] == 1.0F);
    CHECK(y[1] == -1.0F);
}

TEST_CASE("preprocessing: principal components are uncorrelated and sorted, whitened ones of variance 1") {
    const auto set = correlated();
    for (const InputScaling scaling : {InputScaling::kPca, InputScaling::kWhiten}) {
        const auto y = seen(set, fit_preprocessing({.inputs = scaling}, *set));
        double last = INFINITY;
        for (std::size_t i = 0; i < 4; ++i) {
            CAPTURE(i);
            // The means are rounded to fp32, and whitening magnifies what that leaves of the smallest
            // direction.
            CHECK(std::fabs(moment(y, 4, i, 4)) < 1e-4);
            for (std::size_t j = 0; j < i; ++j) CHECK(std::fabs(moment(y, 4, i, j)) < 1e-5);
            const double variance = moment(y, 4, i, i);
            if (scaling == InputScaling::kPca) CHECK(variance <= last);
            // The constant input leaves one direction without variance.
            if (scaling == InputScaling::kWhiten) CHECK(variance == doctest::Approx(i < 3 ? 1.0 : 0.0));
            last = variance;
        }
    }
    const auto all = seen(set, fit_preprocessing({.inputs = InputScaling::kPca}, *set));
    const auto two = seen(set, fit_preprocessing({.inputs = InputScaling::kPca, .components = 2}, *set));
    for (std::size_t r = 0; r < set->size(); ++r) {
        CHECK(two[r * 2] == all[r * 4]);
        CHECK(two[r * 2 + 1] == all[r * 4 + 1]);
    }
}

TEST_CASE("preprocessing: the threads change no bit") {
    const auto set = correlated();
    const PreprocessingOptions options{.inputs = InputScaling::kWhiten};
    const Preprocessing one = fit_preprocessing(options, *set);
    set_thread_count(3);
    const Preprocessing three = fit_preprocessing(options, *set);
    set_thread_count(1);
    CHECK(one == three);
}

TEST_CASE("preprocessing: distortions come before it, and targets stay") {
    const auto set = stored({1, 10, 3, 30, 5, 20}, 2);
    const auto fitted =
        std::make_shared<Preprocessing>(fit_preprocessing({.inputs = InputScaling::kMinMax}, *set));
    const PreprocessedDataset view(set, fitted);
    const std::vector<std::uint64_t> indices{2, 0};
    std::vector<float> y(4);
    std::vector<std::int32_t> labels{7, 7};
    view.read_distorted(indices, {y.data(), 2, 2}, {.labels = labels, .values = {}},
                        [](const Matrix& raw) { raw(0, 0) = 3.0F; });
    CHECK(y == std::vector<float>{0.5, 0.5, 0, 0});
    CHECK(labels == std::vector<std::int32_t>{0, 0});
    CHECK(view.digest() == set->digest());
    CHECK(view.raw_size() == 2);
}

}  // namespace
}  // namespace lockstep
