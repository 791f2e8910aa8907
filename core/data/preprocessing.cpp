#include "core/data/preprocessing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/arithmetic/gemm.h"
#include "core/arithmetic/symmetric_eigen.h"
#include "core/base/buffer.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 5> kNames{"none", "standardise", "min_max", "pca", "whiten"};

/// Variances below these shares are rounding's: of an input's mean squared, of the covariance's largest
/// eigenvalue.
constexpr double kLeastOfMean = 1e-24;
constexpr double kLeastOfLargest = 1e-12;

constexpr std::size_t kBlock = 256;  // samples that are read at once

/// Visits the set's inputs in blocks of rows, in order.
template <class Visit>
void for_each_block(const Dataset& set, const Visit& visit) {
    std::vector<std::uint64_t> indices(std::min(kBlock, set.size()));
    Buffer<float> x(indices.size() * set.input_size());
    for (std::size_t first = 0; first < set.size(); first += kBlock) {
        const auto of_block = std::span(indices).first(std::min(kBlock, set.size() - first));
        std::iota(of_block.begin(), of_block.end(), std::uint64_t{first});
        const Matrix block(x.data(), of_block.size(), set.input_size());
        set.read(of_block, block, {});
        visit(block);
    }
}

std::vector<double> means(const Dataset& set) {
    std::vector<double> sums(set.input_size());
    for_each_block(set, [&](const Matrix& x) {
        for (std::size_t r = 0; r < x.rows; ++r) {
            for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += static_cast<double>(x(r, c));
        }
    });
    for (double& sum : sums) sum /= static_cast<double>(set.size());
    return sums;
}

std::vector<float> to_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// 1 / √variance, 0 where that is no more than rounding.
double inverse_deviation(double variance, double rounding) {
    return variance > rounding ? 1.0 / std::sqrt(variance) : 0.0;
}

Preprocessing fit_standardise(const Dataset& set) {
    const std::vector<double> mean = means(set);
    std::vector<double> variance(mean.size());
    for_each_block(set, [&](const Matrix& x) {
        for (std::size_t r = 0; r < x.rows; ++r) {
            for (std::size_t c = 0; c < mean.size(); ++c) {
                const double difference = static_cast<double>(x(r, c)) - mean[c];
                variance[c] += difference * difference;
            }
        }
    });
    Preprocessing fitted;
    fitted.offset = to_floats(mean);
    for (std::size_t c = 0; c < mean.size(); ++c) {
        const double of_one = variance[c] / static_cast<double>(set.size());
        fitted.factor.push_back(
            static_cast<float>(inverse_deviation(of_one, kLeastOfMean * mean[c] * mean[c])));
    }
    return fitted;
}

Preprocessing fit_min_max(const Dataset& set) {
    std::vector<float> least(set.input_size(), std::numeric_limits<float>::infinity());
    std::vector<float> most(set.input_size(), -std::numeric_limits<float>::infinity());
    for_each_block(set, [&](const Matrix& x) {
        for (std::size_t r = 0; r < x.rows; ++r) {
            for (std::size_t c = 0; c < least.size(); ++c) {
                least[c] = std::min(least[c], x(r, c));
                most[c] = std::max(most[c], x(r, c));
            }
        }
    });
    Preprocessing fitted;
    fitted.offset = least;
    for (std::size_t c = 0; c < least.size(); ++c) {
        const double range = static_cast<double>(most[c]) - static_cast<double>(least[c]);
        fitted.factor.push_back(range > 0.0 ? static_cast<float>(1.0 / range) : 0.0F);
    }
    return fitted;
}

/// row[j] += Σ over the block's samples of centred(s, i) · centred(s, j), j <= i, one sample after the other;
/// four go through the row at once, since its memory is the limit.
void add_products(std::span<const double> centred, std::size_t samples, std::size_t inputs, std::size_t i,
                  std::span<double> row) {
    std::size_t s = 0;
    for (; s + 4 <= samples; s += 4) {
        const double* x0 = &centred[s * inputs];
        const double* x1 = x0 + inputs;
        const double* x2 = x1 + inputs;
        const double* x3 = x2 + inputs;
        const double f0 = x0[i];
        const double f1 = x1[i];
        const double f2 = x2[i];
        const double f3 = x3[i];
        for (std::size_t j = 0; j <= i; ++j) {
            row[j] = (((row[j] + f0 * x0[j]) + f1 * x1[j]) + f2 * x2[j]) + f3 * x3[j];
        }
    }
    for (; s < samples; ++s) {
        const double* x = &centred[s * inputs];
        for (std::size_t j = 0; j <= i; ++j) row[j] += x[i] * x[j];
    }
}

/// The lower triangle of the covariance. Thread t has the rows i ≡ t: all of about the same length together.
std::vector<double> covariance(const Dataset& set, const std::vector<double>& mean) {
    const std::size_t n = mean.size();
    std::vector<double> sums(n * n);
    std::vector<double> centred(std::min(kBlock, set.size()) * n);
    const int threads = thread_count();
    for_each_block(set, [&](const Matrix& x) {
        for (std::size_t r = 0; r < x.rows; ++r) {
            for (std::size_t c = 0; c < n; ++c) centred[r * n + c] = static_cast<double>(x(r, c)) - mean[c];
        }
        run_parts(threads, [&](int part) {
            for (std::size_t i = static_cast<std::size_t>(part); i < n;
                 i += static_cast<std::size_t>(threads)) {
                add_products(centred, x.rows, n, i, std::span(sums).subspan(i * n, n));
            }
        });
    });
    for (double& sum : sums) sum /= static_cast<double>(set.size());
    return sums;
}

Preprocessing fit_components(const PreprocessingOptions& options, const Dataset& set) {
    const std::vector<double> mean = means(set);
    const std::size_t n = mean.size();
    const std::size_t k = options.output_shape(n).count();
    const SymmetricEigen eigen = symmetric_eigen(covariance(set, mean), n);
    Preprocessing fitted;
    fitted.offset = to_floats(mean);
    fitted.rotation.resize(n * k);
    for (std::size_t c = 0; c < k; ++c) {
        for (std::size_t i = 0; i < n; ++i)
            fitted.rotation[i * k + c] = static_cast<float>(eigen.vectors[c * n + i]);
        const double deviation = inverse_deviation(eigen.values[c], kLeastOfLargest * eigen.values[0]);
        const bool whiten = options.inputs == InputScaling::kWhiten;
        fitted.factor.push_back(deviation == 0.0 ? 0.0F : whiten ? static_cast<float>(deviation) : 1.0F);
    }
    return fitted;
}

}  // namespace

std::span<const std::string_view> input_scaling_names() { return kNames; }

void Preprocessing::apply(Matrix raw, Matrix y) const {
    const Matrix shifted = rotation.empty() ? y : raw;
    for (std::size_t r = 0; r < raw.rows; ++r) {
        for (std::size_t c = 0; c < raw.cols; ++c) shifted(r, c) = raw(r, c) - offset[c];
    }
    if (!rotation.empty()) {
        dense_forward(raw, {rotation.data(), raw_size(), output_size()}, {},
                      {.kind = ActivationKind::kIdentity}, y);
    }
    for (std::size_t r = 0; r < y.rows; ++r) {
        for (std::size_t c = 0; c < y.cols; ++c) y(r, c) = y(r, c) * factor[c];
    }
}

Preprocessing fit_preprocessing(const PreprocessingOptions& options, const Dataset& training) {
    const ContractFloatMode float_mode;
    Preprocessing fitted = options.inputs == InputScaling::kStandardise ? fit_standardise(training)
                           : options.inputs == InputScaling::kMinMax    ? fit_min_max(training)
                                                                        : fit_components(options, training);
    fitted.options = options;
    return fitted;
}

PreprocessedDataset::PreprocessedDataset(std::shared_ptr<const Dataset> whole,
                                         std::shared_ptr<const Preprocessing> preprocessing)
    : whole_(std::move(whole)), preprocessing_(std::move(preprocessing)) {}

std::string PreprocessedDataset::description() const {
    const PreprocessingOptions& options = preprocessing_->options;
    return fmt::format("{}, {} to {} inputs", whole_->description(),
                       kNames[static_cast<std::size_t>(options.inputs)], input_size());
}

void PreprocessedDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    read_distorted(indices, x, target, [](const Matrix&) {});
}

void PreprocessedDataset::read_distorted(std::span<const std::uint64_t> indices, Matrix x, TargetView target,
                                         const Distortion& distort) const {
    check_read(indices, x, target);
    Buffer<float> raw(indices.size() * whole_->input_size());
    const Matrix raw_x(raw.data(), indices.size(), whole_->input_size());
    whole_->read_distorted(indices, raw_x, target, distort);
    preprocessing_->apply(raw_x, x);
}

}  // namespace lockstep
