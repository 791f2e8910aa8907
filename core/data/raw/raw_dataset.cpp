#include "core/data/raw/raw_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/data/input_scale.h"
#include "core/data/open_data.h"

namespace lockstep {

namespace {

// Rows that are read and converted at once where none were read ahead: they stay in the second-level cache.
constexpr std::size_t kPiece_bytes = std::size_t{256} << 10;

void convert_bytes(const std::byte* from, float factor, std::span<float> to) {
    for (std::size_t c = 0; c < to.size(); ++c)
        to[c] = static_cast<float>(std::to_integer<std::uint8_t>(from[c])) * factor;
}

void convert_floats(const std::byte* from, float factor, std::span<float> to) {
    std::memcpy(to.data(), from, to.size_bytes());
    if (factor == 1.0F) return;
    for (float& value : to) value *= factor;
}

}  // namespace

RawDataset::RawDataset(std::shared_ptr<const RawFile> file, std::size_t part, std::size_t size, float divisor,
                       std::size_t prefetch)
    : file_(std::move(file)), part_(part), size_(size), divisor_(divisor), prefetch_(prefetch) {
    if (prefetch == 0) return;
    const auto read = [file = file_](std::span<const std::uint64_t> rows, std::span<std::byte> into) {
        file->read_rows(rows, into);
    };
    // The batch at hand is among them.
    ahead_ = std::make_unique<RowPrefetch>(read, file_->header().row_bytes, prefetch + 1);
}

std::size_t RawDataset::classes() const {
    return file_->header().targets == RawTargets::kClasses ? file_->header().target_count : 0;
}

std::size_t RawDataset::target_size() const {
    return file_->header().targets == RawTargets::kValues ? file_->header().target_count : 0;
}

std::string RawDataset::description() const {
    return fmt::format("raw {} ({}), {} samples{}", part_ == 0 ? "train" : "test", file_->path().string(),
                       size_, has_targets() ? "" : " without targets");
}

std::string RawDataset::digest() const {
    DigestBuilder digest;
    digest.update("lockstep raw 1 ").update(file_->digest()).update(fmt::format("/{} ", divisor_));
    digest.update(std::uint64_t{part_}).update(std::uint64_t{size_});
    return digest.digest().hex();
}

std::shared_ptr<const Dataset> RawDataset::divided_by(float divisor) const {
    return std::make_shared<RawDataset>(file_, part_, size_, divisor, prefetch_);
}

std::vector<std::uint64_t> RawDataset::rows_of(std::span<const std::uint64_t> indices) const {
    const std::uint64_t first = part_ == 0 ? 0 : file_->header().parts[0].rows;
    std::vector<std::uint64_t> rows(indices.size());
    std::ranges::transform(indices, rows.begin(), [&](std::uint64_t index) { return first + index; });
    return rows;
}

void RawDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    const std::vector<std::uint64_t> rows = rows_of(indices);
    if (ahead_) {
        const RowPrefetch::Taken taken = ahead_->take(rows);
        if (taken.batch) return convert(taken.bytes, rows, 0, x, target);
    }
    const std::size_t row_bytes = file_->header().row_bytes;
    const std::size_t most = std::max<std::size_t>(1, kPiece_bytes / row_bytes);
    std::vector<std::byte> bytes(std::min(most, rows.size()) * row_bytes);
    for (std::size_t first = 0; first < rows.size(); first += most) {
        const auto piece = std::span(rows).subspan(first, std::min(most, rows.size() - first));
        const auto into = std::span(bytes).first(piece.size() * row_bytes);
        file_->read_rows(piece, into);
        convert(into, piece, first, x, target);
    }
}

void RawDataset::convert(std::span<const std::byte> bytes, std::span<const std::uint64_t> rows,
                         std::size_t first, const Matrix& x, const TargetView& target) const {
    const std::size_t row_bytes = file_->header().row_bytes;
    const float factor = 1.0F / divisor_;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::byte* row = bytes.data() + i * row_bytes;
        if (file_->header().inputs == RawInputs::kBytes) {
            convert_bytes(row, factor, x.row(first + i));
        } else {
            convert_floats(row, factor, x.row(first + i));
        }
        if (!target.labels.empty()) target.labels[first + i] = file_->label(rows[i]);
        if (!target.values.empty())
            convert_floats(row + file_->layout().target_offset, 1.0F, target.values.row(first + i));
    }
}

void RawDataset::expect(std::span<const std::uint64_t> indices) const {
    if (ahead_) ahead_->expect(rows_of(indices));
}

std::optional<DatasetSummary> RawDataset::summary() const {
    DatasetSummary summary{{}, part().least_target, part().most_target, part().largest_input};
    if (classes() == 0 || !has_targets()) return summary;
    summary.class_counts.resize(classes());
    const std::uint64_t first = part_ == 0 ? 0 : file_->header().parts[0].rows;
    for (std::uint64_t row = first; row < first + part().rows; ++row)
        ++summary.class_counts[static_cast<std::size_t>(file_->label(row))];
    return summary;
}

namespace {

constexpr std::array<std::string_view, 5> kKeys{"file", "scale", "prefetch", "train_samples", "test_samples"};

DataSets open_raw(const DataOptions& options) {
    const auto file = std::make_shared<const RawFile>(options.file);
    const float divisor = options.scale.automatic ? file->header().divisor : options.scale.divisor;
    const auto part = [&](std::size_t number, std::size_t most) -> std::shared_ptr<const Dataset> {
        const std::size_t rows = file->header().parts[number].rows;
        return std::make_shared<RawDataset>(file, number, most == 0 ? rows : std::min(most, rows), divisor,
                                            number == 0 ? options.prefetch : 0);
    };
    const auto train = part(0, options.train_samples);
    const bool tested = file->header().parts[1].rows > 0;
    return {train, nullptr, tested ? part(1, options.test_samples) : train, {}};
}

}  // namespace

extern const DataSource kRawSource{
    .name = "raw",
    .what = "a file of rows that stay on the disk, written by lockstep convert",
    .keys = kKeys,
    .needs = "file",
    .needed_for = "its file",
    .open = open_raw,
};

}  // namespace lockstep
