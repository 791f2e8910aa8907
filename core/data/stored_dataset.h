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

/// What the samples of a set should give: a class each, or a vector of `width` real values each. A set that
/// came without (has_targets() is false) has classes or width alone.
struct StoredTargets {
    std::vector<std::int32_t> labels = {};
    std::size_t classes = 0;
    std::vector<float> values = {};  ///< (samples, width)
    std::size_t width = 0;           ///< 0: the targets are classes
};

/// Leaves out all but the first `samples` of what is stored, of which there are as many or more, `width`
/// inputs each.
void keep_first(StoredInputs& inputs, StoredTargets& targets, std::size_t samples, std::size_t width);

/// Whether a byte has the same value, and so the same bits as a float.
bool is_byte(float value);

/// Vectors with a target each, or without.
class StoredDataset final : public Dataset {
  public:
    /// Inputs are read as float(v) * (1.0F / divisor), so that a whole number gives the same bits however it
    /// was stored. Requires inputs and divisor > 0, inputs of whole samples, either classes or a width, and
    /// no targets or one for each sample, labels below `classes`. `description` goes without the number of
    /// samples, which is appended.
    StoredDataset(std::string description, StoredInputs inputs, const Shape& input_shape,
                  StoredTargets targets, float divisor);

    [[nodiscard]] std::size_t size() const override { return size_; }
    [[nodiscard]] Shape input_shape() const override { return input_shape_; }
    [[nodiscard]] std::size_t classes() const override { return content_->targets.classes; }
    [[nodiscard]] std::size_t target_size() const override { return content_->targets.width; }
    [[nodiscard]] bool has_targets() const override {
        return !content_->targets.labels.empty() || !content_->targets.values.empty();
    }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] std::string digest() const override;
    [[nodiscard]] std::optional<float> input_divisor() const override { return divisor_; }
    [[nodiscard]] std::shared_ptr<const Dataset> divided_by(float divisor) const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    [[nodiscard]] std::string computed_digest() const;
    struct Content {
        StoredInputs inputs;
        StoredTargets targets;
    };
    StoredDataset(std::string description, std::shared_ptr<const Content> content, const Shape& input_shape,
                  float divisor);

    std::string description_;
    std::shared_ptr<const Content> content_;
    Shape input_shape_;
    std::size_t size_ = 0;
    float divisor_;
    mutable std::once_flag digest_flag_;  // the digest is asked for by every part of the set
    mutable std::string digest_;
};

}  // namespace lockstep
