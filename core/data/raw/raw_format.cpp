#include "core/data/raw/raw_format.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace lockstep {

namespace {

constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int64_t>::max();

/// Sums and products that stay below 2^63, or remember that they did not.
class Bytes {
  public:
    explicit Bytes(std::uint64_t value) : value_(value) {}
    Bytes& plus(std::uint64_t other) { return take(__builtin_add_overflow(value_, other, &value_)); }
    Bytes& times(std::uint64_t other) { return take(__builtin_mul_overflow(value_, other, &value_)); }
    Bytes& up_to(std::uint64_t multiple) { return plus((multiple - value_ % multiple) % multiple); }
    [[nodiscard]] bool fits() const { return fits_; }
    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    Bytes& take(bool overflow) {
        fits_ = fits_ && !overflow && value_ <= kMostBytes;
        return *this;
    }
    std::uint64_t value_;
    bool fits_ = true;
};

[[noreturn]] void refuse(const std::filesystem::path& path, const char* what) {
    throw DataError(
        fmt::format("{}: its header has {}; write it again by lockstep convert", path.string(), what));
}

Bytes input_count(const RawHeader& header) {
    return Bytes(header.height).times(header.width).times(header.channels);
}

bool is_switch(std::uint64_t value) { return value <= 1; }

void check_words(const RawHeader& header, const std::filesystem::path& path) {
    if (header.magic != kRawMagic) {
        throw DataError(fmt::format(
            "{}: does not begin as a raw file of lockstep; write it by lockstep convert, or choose another "
            "data.source",
            path.string()));
    }
    if (header.version != kRawVersion) {
        throw DataError(
            fmt::format("{}: has version {} of the raw format, this program reads {}; write it again by "
                        "lockstep convert",
                        path.string(), header.version, kRawVersion));
    }
    const bool inputs = header.inputs == RawInputs::kBytes || header.inputs == RawInputs::kFloats;
    const bool targets = header.targets == RawTargets::kClasses || header.targets == RawTargets::kValues;
    if (!inputs || !targets) refuse(path, "an unknown type of inputs or targets");
    if (!(header.divisor > 0.0F) || !std::isfinite(header.divisor)) refuse(path, "no divisor above 0");
    for (const RawPart& part : header.parts) {
        if (!is_switch(part.has_targets)) refuse(path, "a switch that is neither 0 nor 1");
        for (const float value : {part.largest_input, part.least_target, part.most_target}) {
            if (!std::isfinite(value)) refuse(path, "a bound that is no finite number");
        }
    }
    if (!is_switch(header.is_image)) refuse(path, "a switch that is neither 0 nor 1");
    if (header.is_image == 0 && (header.width != 1 || header.channels != 1))
        refuse(path, "a shape that is none");
    if (header.parts[0].rows == 0 || header.parts[0].has_targets == 0) refuse(path, "no training samples");
    // Labels are int32.
    constexpr std::uint64_t kMostClasses = std::uint64_t{1} << 31;
    if (header.target_count == 0 || header.target_count > kMostClasses) refuse(path, "no targets");
}

}  // namespace

RawLayout layout_of(const RawHeader& header, const std::filesystem::path& path) {
    check_words(header, path);
    Bytes row = input_count(header);
    if (row.fits() && row.value() == 0) refuse(path, "no inputs");
    if (header.inputs == RawInputs::kFloats) row.times(sizeof(float));
    row.up_to(sizeof(float));
    RawLayout layout;
    layout.target_offset = row.value();
    if (header.targets == RawTargets::kValues) row.plus(header.target_count * sizeof(float));
    if (!row.fits() || row.value() != header.row_bytes)
        refuse(path, "rows of another size than their values");

    const Bytes rows = Bytes(header.parts[0].rows).plus(header.parts[1].rows);
    layout.rows = rows.value();
    if (header.targets == RawTargets::kClasses) {
        for (const RawPart& part : header.parts) layout.labels += part.has_targets != 0 ? part.rows : 0;
    }
    Bytes end = Bytes(layout.rows).times(header.row_bytes).plus(kRawHeader_bytes);
    layout.labels_offset = end.value();
    const Bytes labels = Bytes(layout.labels).times(sizeof(std::int32_t));
    layout.checksums_offset = end.plus(labels.value()).up_to(sizeof(std::uint64_t)).value();
    const Bytes checksums = Bytes(layout.rows).times(sizeof(std::uint64_t));
    layout.digest_offset = end.plus(checksums.value()).value();
    layout.file_bytes = end.plus(16).value();
    if (!rows.fits() || !labels.fits() || !checksums.fits() || !end.fits())
        refuse(path, "more rows than a file holds");
    return layout;
}

RawHeader raw_header(RawInputs inputs, RawTargets targets, std::size_t target_count, const Shape& shape,
                     float divisor) {
    RawHeader header;
    header.inputs = inputs;
    header.targets = targets;
    header.divisor = divisor;
    header.height = shape.height();
    header.width = shape.width();
    header.channels = shape.channels();
    header.is_image = shape.is_image() ? 1 : 0;
    header.target_count = target_count;
    Bytes row =
        Bytes(shape.count()).times(inputs == RawInputs::kFloats ? sizeof(float) : 1).up_to(sizeof(float));
    if (targets == RawTargets::kValues) row.plus(target_count * sizeof(float));
    header.row_bytes = row.value();
    return header;
}

Shape shape_of(const RawHeader& header) {
    if (header.is_image == 0) return header.height;
    return {header.height, header.width, header.channels};
}

std::uint64_t row_checksum(std::span<const std::byte> row) { return XXH3_64bits(row.data(), row.size()); }

}  // namespace lockstep
