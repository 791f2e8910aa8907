// A small table of samples as text: truth tables, points in the plane.
#pragma once

#include <filesystem>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

/// Each line is a sample, its inputs and its targets as numbers separated by blanks, with a colon between the
/// two: "0 1 : 1". From # on a line is a comment; lines without numbers are skipped. Targets are real
/// vectors.
class TableDataset final : public Dataset {
  public:
    /// Throws DataError with file:line: what is no number, no colon, another number of inputs or targets than
    /// in the first sample, no sample at all.
    explicit TableDataset(const std::filesystem::path& path);

    [[nodiscard]] std::size_t size() const override { return inputs_.size() / input_size_; }
    [[nodiscard]] Shape input_shape() const override { return input_size_; }
    [[nodiscard]] std::size_t classes() const override { return 0; }
    [[nodiscard]] std::size_t target_size() const override { return target_size_; }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] std::string digest() const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    std::filesystem::path path_;
    std::size_t input_size_ = 0;
    std::size_t target_size_ = 0;
    std::vector<float> inputs_;   // (size, input_size)
    std::vector<float> targets_;  // (size, target_size)
};

}  // namespace lockstep
