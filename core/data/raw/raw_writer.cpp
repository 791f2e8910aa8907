#include "core/data/raw/raw_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "core/base/digest.h"
#include "core/data/stored_dataset.h"

namespace lockstep {

namespace {

constexpr std::size_t kBlock_bytes = std::size_t{1} << 20;

/// A set as its source stores it, read block by block.
class Stored {
  public:
    explicit Stored(const Dataset& set) : set_(set) {
        if (set.input_divisor() && *set.input_divisor() != 1.0F) {
            whole_ = set.divided_by(1.0F);
        }
        const std::size_t sample = (set.input_size() + set.target_size()) * sizeof(float);
        most_ = std::max<std::size_t>(1, kBlock_bytes / sample);
    }

    /// Calls visit(x, labels, values) for every block; labels and values are empty where there are none.
    template <class Visit>
    void visit(const Visit& visit) {
        const std::size_t targets = set_.has_targets() ? set_.target_size() : 0;
        const bool classes = set_.has_targets() && set_.classes() > 0;
        std::vector<float> x(most_ * set_.input_size());
        std::vector<float> values(most_ * targets);
        std::vector<std::int32_t> labels(classes ? most_ : 0);
        std::vector<std::uint64_t> indices(most_);
        for (std::size_t first = 0; first < set_.size(); first += most_) {
            const std::size_t count = std::min(most_, set_.size() - first);
            indices.resize(count);
            std::iota(indices.begin(), indices.end(), first);
            const Matrix inputs(x.data(), count, set_.input_size());
            const Matrix wanted(values.data(), targets > 0 ? count : 0, targets);
            const auto of_block = std::span(labels).first(classes ? count : 0);
            (whole_ ? *whole_ : set_).read(indices, inputs, {of_block, wanted});
            visit(inputs, std::span<const std::int32_t>(of_block), wanted);
        }
    }

  private:
    const Dataset& set_;
    std::shared_ptr<const Dataset> whole_;  // with the divisor 1, unless the set has that
    std::size_t most_;
};

/// What the header says of a set; clears `bytes` where an input is none.
RawPart survey(const Dataset& set, bool& bytes) {
    RawPart part{.rows = set.size(), .has_targets = set.has_targets() ? 1U : 0U};
    bool first = true;
    Stored(set).visit([&](const Matrix& x, std::span<const std::int32_t>, const Matrix& values) {
        for (std::size_t r = 0; r < x.rows; ++r) {
            for (const float value : x.row(r)) {
                part.largest_input = std::max(part.largest_input, std::fabs(value));
                bytes = bytes && is_byte(value);
            }
        }
        for (std::size_t r = 0; r < values.rows; ++r) {
            for (const float value : values.row(r)) {
                part.least_target = first ? value : std::min(part.least_target, value);
                part.most_target = first ? value : std::max(part.most_target, value);
                first = false;
            }
        }
    });
    return part;
}

/// The rows of a set as they are written, with what goes into the tail.
class Rows {
  public:
    Rows(const RawHeader& header, const WriteBytes& write)
        : header_(header), target_offset_(layout_of(header, {}).target_offset), write_(write) {}

    void write(const Dataset& set) {
        Stored(set).visit([&](const Matrix& x, std::span<const std::int32_t> labels, const Matrix& values) {
            block_.assign(x.rows * header_.row_bytes, std::byte{0});
            for (std::size_t r = 0; r < x.rows; ++r) {
                const auto row = std::span(block_).subspan(r * header_.row_bytes, header_.row_bytes);
                put_inputs(x.row(r), row);
                if (!values.empty())
                    std::ranges::copy(std::as_bytes(values.row(r)), row.subspan(target_offset_).begin());
                checksums.push_back(row_checksum(row));
            }
            all_labels.insert(all_labels.end(), labels.begin(), labels.end());
            write_(block_);
        });
    }

    std::vector<std::int32_t> all_labels;
    std::vector<std::uint64_t> checksums;

  private:
    void put_inputs(std::span<const float> x, std::span<std::byte> row) const {
        if (header_.inputs == RawInputs::kFloats) {
            std::ranges::copy(std::as_bytes(x), row.begin());
            return;
        }
        std::ranges::transform(x, row.begin(), [](float value) {
            return static_cast<std::byte>(static_cast<std::uint8_t>(value));
        });
    }

    const RawHeader& header_;
    std::size_t target_offset_;
    const WriteBytes& write_;
    std::vector<std::byte> block_;
};

}  // namespace

RawHeader write_raw(const Dataset& train, const Dataset* test, const WriteBytes& write) {
    bool bytes = true;
    const RawPart train_part = survey(train, bytes);
    const RawPart test_part = test != nullptr ? survey(*test, bytes) : RawPart{};
    const bool classes = train.classes() > 0;
    RawHeader header = raw_header(bytes ? RawInputs::kBytes : RawInputs::kFloats,
                                  classes ? RawTargets::kClasses : RawTargets::kValues,
                                  classes ? train.classes() : train.target_size(), train.input_shape(),
                                  train.input_divisor().value_or(1.0F));
    header.parts = {train_part, test_part};
    const RawLayout layout = layout_of(header, {});

    std::vector<std::byte> page(kRawHeader_bytes);
    std::memcpy(page.data(), &header, sizeof(header));
    write(page);
    Rows rows(header, write);
    rows.write(train);
    if (test != nullptr) rows.write(*test);
    const auto labels = std::as_bytes(std::span(rows.all_labels));
    const std::vector<std::byte> between(layout.checksums_offset - layout.labels_offset - labels.size());
    const auto checksums = std::as_bytes(std::span(rows.checksums));
    DigestBuilder digest;
    digest.update(std::span<const std::byte>(page));
    for (const std::span<const std::byte> piece : {labels, std::span<const std::byte>(between), checksums}) {
        digest.update(piece);
        write(piece);
    }
    const auto trailer = digest.digest().canonical();
    write(trailer);
    return header;
}

}  // namespace lockstep
