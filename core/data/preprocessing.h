// Inputs brought to a common scale or to uncorrelated directions, by what the training samples alone say.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

enum class InputScaling {
    kNone,
    kStandardise,  ///< (x − mean) / standard deviation, input by input
    kMinMax,       ///< (x − least) / (most − least): training inputs fill [0, 1]
    kPca,          ///< the components of x − mean along the covariance's first eigenvectors: decorrelated
    kWhiten,       ///< these, each divided by its standard deviation
};
/// In the order of InputScaling: "none", "standardise", "min_max", "pca", "whiten".
std::span<const std::string_view> input_scaling_names();

struct PreprocessingOptions {
    InputScaling inputs = InputScaling::kNone;
    std::size_t components = 0;  ///< of pca and whiten: how many eigenvectors, largest values first; 0: all
    /// The network's inputs where samples have `raw`: components are no image any more.
    [[nodiscard]] Shape output_shape(const Shape& raw) const {
        if (components > 0) return components;
        return inputs == InputScaling::kPca || inputs == InputScaling::kWhiten ? Shape(raw.count()) : raw;
    }
    bool operator==(const PreprocessingOptions&) const = default;
};

/// y = ((x − offset) · rotation) ⊙ factor, in fp32: a difference, for pca and whiten the product of gemm.h, a
/// product. Standard deviations are those of n samples (not n − 1). An input, or a direction, without
/// variance is left at 0.
struct Preprocessing {
    PreprocessingOptions options;
    std::vector<float> offset;    ///< (raw)
    std::vector<float> rotation;  ///< (raw, outputs), or none: the identity
    std::vector<float> factor;    ///< (outputs)

    [[nodiscard]] std::size_t raw_size() const { return offset.size(); }
    [[nodiscard]] std::size_t output_size() const { return factor.size(); }

    /// Whether the parts fit each other and a network of so many inputs.
    [[nodiscard]] bool fits(std::size_t inputs) const {
        const bool square = rotation.empty() && raw_size() == output_size();
        return output_size() == inputs && (square || rotation.size() == raw_size() * output_size());
    }

    /// Overwrites raw (b, raw_size), where there is a rotation; y (b, output_size).
    void apply(Matrix raw, Matrix y) const;
    bool operator==(const Preprocessing&) const = default;
};

/// Of all samples of `training`, by sums in double that run over the samples in their order: the same bits on
/// any rank and any number of threads. Two passes over the set; for pca and whiten n samples of m inputs also
/// take n m² / 2 multiplications, shared among the threads, and an eigenvalue problem (symmetric_eigen.h).
/// Requires options.inputs other than kNone and options.components <= the set's inputs.
Preprocessing fit_preprocessing(const PreprocessingOptions& options, const Dataset& training);

/// A set as it looks after preprocessing.
class PreprocessedDataset final : public Dataset {
  public:
    /// Requires preprocessing->raw_size() == whole->input_size().
    PreprocessedDataset(std::shared_ptr<const Dataset> whole,
                        std::shared_ptr<const Preprocessing> preprocessing);

    [[nodiscard]] std::size_t size() const override { return whole_->size(); }
    [[nodiscard]] Shape input_shape() const override {
        return preprocessing_->options.output_shape(whole_->input_shape());
    }
    [[nodiscard]] Shape raw_shape() const override { return whole_->raw_shape(); }
    [[nodiscard]] std::size_t classes() const override { return whole_->classes(); }
    [[nodiscard]] std::size_t target_size() const override { return whole_->target_size(); }
    [[nodiscard]] bool has_targets() const override { return whole_->has_targets(); }
    [[nodiscard]] std::string description() const override;
    /// Of the whole set: what was read, before preprocessing.
    [[nodiscard]] std::string digest() const override { return whole_->digest(); }
    [[nodiscard]] std::optional<float> input_divisor() const override { return whole_->input_divisor(); }
    [[nodiscard]] std::shared_ptr<const Dataset> divided_by(float divisor) const override {
        return std::make_shared<PreprocessedDataset>(whole_->divided_by(divisor), preprocessing_);
    }
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;
    void read_distorted(std::span<const std::uint64_t> indices, Matrix x, TargetView target,
                        const Distortion& distort) const override;
    void expect(std::span<const std::uint64_t> indices) const override { whole_->expect(indices); }
    [[nodiscard]] std::size_t expected_sample_bytes() const override {
        return whole_->expected_sample_bytes();
    }
    [[nodiscard]] std::optional<DatasetSummary> summary() const override { return whole_->summary(); }

  private:
    std::shared_ptr<const Dataset> whole_;
    std::shared_ptr<const Preprocessing> preprocessing_;
};

}  // namespace lockstep
