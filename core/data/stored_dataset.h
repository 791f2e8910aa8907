// A set of labelled vectors held in memory: what files are read into.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

/// Inputs (samples, input_size) as they were stored: bytes or floats.
using StoredInputs = std::variant<std::vector<std::uint8_t>, std::vector<float>>;

/// Vectors with a class each, or without (has_targets() is false when `labels` is empty).
class StoredDataset final : public Dataset {
  public:
    /// Inputs are read as float(v) * (1.0F / divisor), so that a whole number gives the same bits however it
    /// was stored. Requires inputs, classes and divisor > 0, inputs of whole samples, and no labels or
    /// one below `classes` for each. `description` goes without the number of samples, which is appended.
    StoredDataset(std::string description, StoredInputs inputs, const Shape& input_shape,
                  std::vector<std::int32_t> labels, std::size_t classes, float divisor);

    [[nodiscard]] std::size_t size() const override { return size_; }
    [[nodiscard]] Shape input_shape() const override { return input_shape_; }
    [[nodiscard]] std::size_t classes() const override { return classes_; }
    [[nodiscard]] std::size_t target_size() const override { return 0; }
    [[nodiscard]] bool has_targets() const override { return !content_->labels.empty(); }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] std::string digest() const override;
    [[nodiscard]] std::optional<float> input_divisor() const override { return divisor_; }
    [[nodiscard]] std::shared_ptr<const Dataset> divided_by(float divisor) const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    [[nodiscard]] std::string computed_digest() const;
    struct Content {
        StoredInputs inputs;
        std::vector<std::int32_t> labels;
    };
    StoredDataset(std::string description, std::shared_ptr<const Content> content, const Shape& input_shape,
                  std::size_t classes, float divisor);

    std::string description_;
    std::shared_ptr<const Content> content_;
    Shape input_shape_;
    std::size_t size_ = 0;
    std::size_t classes_;
    float divisor_;
    mutable std::once_flag digest_flag_;  // the digest is asked for by every part of the set
    mutable std::string digest_;
};

}  // namespace lockstep
