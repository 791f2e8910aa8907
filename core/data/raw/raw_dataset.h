// The samples of a raw file: read from the disk when they are asked for, or ahead.
#pragma once

#include <memory>

#include "core/data/dataset.h"
#include "core/data/raw/raw_file.h"
#include "core/data/raw/row_prefetch.h"

namespace lockstep {

class RawDataset final : public Dataset {
  public:
    /// The first `size` samples of part 0 or 1, the training or the test set, with that divisor, and with so
    /// many batches read ahead. Requires size up to the part's.
    RawDataset(std::shared_ptr<const RawFile> file, std::size_t part, std::size_t size, float divisor,
               std::size_t prefetch);

    [[nodiscard]] std::size_t size() const override { return size_; }
    [[nodiscard]] Shape input_shape() const override { return shape_of(file_->header()); }
    [[nodiscard]] std::size_t classes() const override;
    [[nodiscard]] std::size_t target_size() const override;
    [[nodiscard]] bool has_targets() const override { return part().has_targets != 0; }
    [[nodiscard]] std::string description() const override;
    /// Of the file's digest, that is of all its rows' checksums, and of which of them the set has.
    [[nodiscard]] std::string digest() const override;
    [[nodiscard]] std::optional<float> input_divisor() const override { return divisor_; }
    [[nodiscard]] std::shared_ptr<const Dataset> divided_by(float divisor) const override;
    /// Throws DataError for a row that is no longer as it was written.
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;
    void expect(std::span<const std::uint64_t> indices) const override;
    [[nodiscard]] std::size_t expected_sample_bytes() const override { return file_->header().row_bytes; }
    /// Also where `size` is less than the part's: of all of them.
    [[nodiscard]] std::optional<DatasetSummary> summary() const override;

  private:
    [[nodiscard]] const RawPart& part() const { return file_->header().parts[part_]; }
    [[nodiscard]] std::vector<std::uint64_t> rows_of(std::span<const std::uint64_t> indices) const;
    /// Rows' bytes as samples. `first`: which row of x and target the first one is.
    void convert(std::span<const std::byte> bytes, std::span<const std::uint64_t> rows, std::size_t first,
                 const Matrix& x, const TargetView& target) const;

    std::shared_ptr<const RawFile> file_;
    std::size_t part_;
    std::size_t size_;
    float divisor_;
    std::size_t prefetch_;
    std::unique_ptr<RowPrefetch> ahead_;  // none: each read goes to the file
};

}  // namespace lockstep
