// A set of labelled vectors held in memory: what files are read into.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

/// Inputs (samples, input_size) as they were stored: bytes, read as float(v) * (1.0F / 255.0F), or floats,
/// read as they are.
using StoredInputs = std::variant<std::vector<std::uint8_t>, std::vector<float>>;

/// Vectors with a class each, or without (has_targets() is false when `labels` is empty).
class StoredDataset final : public Dataset {
  public:
    /// Requires classes and inputs > 0, inputs of whole samples, and no labels or one below `classes` for
    /// each. `description` goes without the number of samples, which is appended.
    StoredDataset(std::string description, StoredInputs inputs, const Shape& input_shape,
                  std::vector<std::int32_t> labels, std::size_t classes);

    [[nodiscard]] std::size_t size() const override { return size_; }
    [[nodiscard]] Shape input_shape() const override { return input_shape_; }
    [[nodiscard]] std::size_t classes() const override { return classes_; }
    [[nodiscard]] std::size_t target_size() const override { return 0; }
    [[nodiscard]] bool has_targets() const override { return !labels_.empty(); }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] std::string digest() const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    std::string description_;
    StoredInputs inputs_;
    Shape input_shape_;
    std::size_t size_;
    std::vector<std::int32_t> labels_;
    std::size_t classes_;
};

}  // namespace lockstep
