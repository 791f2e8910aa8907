// Reading of IDX files, with the header distrusted.
#include "core/data/files/idx_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/input_file.h"

namespace lockstep {

namespace {

enum ElementType : std::uint8_t {
    kUnsignedByte = 0x08,
    kSignedByte = 0x09,
    kInt16 = 0x0B,
    kInt32 = 0x0C,
    kFloat32 = 0x0D,
    kFloat64 = 0x0E,
};

// More numbers than any image has.
constexpr std::uint64_t kMostNumbers = std::uint64_t{1} << 30;
constexpr std::uint32_t kMostSide_pixels = 1U << 15;
constexpr std::size_t kMostDimensions = 8;
constexpr std::size_t kQmnistColumns = 8;

std::size_t bytes_of(std::uint8_t type) {
    switch (type) {
        case kUnsignedByte:
        case kSignedByte:
            return 1;
        case kInt16:
            return 2;
        case kInt32:
        case kFloat32:
            return 4;
        case kFloat64:
            return 8;
        default:
            return 0;
    }
}

template <class Word>
Word big_endian(const std::uint8_t* bytes) {
    Word word = 0;
    for (std::size_t i = 0; i < sizeof(Word); ++i) word = static_cast<Word>(word << 8 | bytes[i]);
    return word;
}

/// One element as a number; exact in double whatever its type.
double element(std::uint8_t type, const std::uint8_t* bytes) {
    switch (type) {
        case kSignedByte:
            return static_cast<std::int8_t>(*bytes);
        case kInt16:
            return static_cast<std::int16_t>(static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]));
        case kInt32:
            return static_cast<std::int32_t>(big_endian<std::uint32_t>(bytes));
        case kFloat32:
            return std::bit_cast<float>(big_endian<std::uint32_t>(bytes));
        case kFloat64:
            return std::bit_cast<double>(big_endian<std::uint64_t>(bytes));
        default:
            return *bytes;
    }
}

std::uint32_t read_word(InputFile& file, std::string_view what) {
    std::array<char, 4> bytes{};
    if (file.read(bytes) < bytes.size()) {
        throw DataError(fmt::format("{}: ends at byte {} within its header, expected {}; fetch it again",
                                    file.path().string(), file.offset(), what));
    }
    std::uint32_t word = 0;
    for (const char byte : bytes) word = word << 8 | static_cast<std::uint8_t>(byte);
    return word;
}

/// What the file is to hold.
enum class Content { kImages, kLabels };

struct Header {
    std::uint8_t type = kUnsignedByte;
    std::vector<std::size_t> sizes;
};

[[noreturn]] void refuse_magic(const InputFile& file, std::uint32_t magic, Content content) {
    const bool images = content == Content::kImages;
    const bool idx = magic >> 16 == 0 && bytes_of(magic >> 8 & 0xFF) > 0;
    const bool reversed = (magic & 0xFFFF) == 0 && bytes_of(magic >> 16 & 0xFF) > 0;
    std::string_view hint;
    if (idx) hint = images ? " (that is a file of labels)" : " (that is a file of images)";
    if (reversed) hint = " (its numbers lie with the least byte first, but IDX has the greatest first)";
    if (magic >> 24 == '<') hint = " (that may be a web page in place of the file)";
    throw DataError(fmt::format(
        "{}: byte 0: magic number 0x{:08x}{}, expected 0x{:08x} of IDX {}; check which file has this name",
        file.path().string(), magic, hint, images ? 0x803 : 0x801, images ? "images" : "labels"));
}

Header read_header(InputFile& file, Content content) {
    const std::uint32_t magic = read_word(file, "the magic number");
    Header header;
    header.type = static_cast<std::uint8_t>(magic >> 8);
    const std::size_t dimensions = magic & 0xFF;
    const bool fits = content == Content::kImages ? dimensions >= 2 && dimensions <= kMostDimensions
                                                  : dimensions == 1 || dimensions == 2;
    if (magic >> 16 != 0 || bytes_of(header.type) == 0 || !fits) refuse_magic(file, magic, content);
    for (std::size_t d = 0; d < dimensions; ++d)
        header.sizes.push_back(read_word(file, d == 0 ? "the number of items" : "an item's size"));
    if (header.sizes[0] == 0) {
        throw DataError(
            fmt::format("{}: byte 4: the header says 0 items, expected at least 1; fetch it again",
                        file.path().string()));
    }
    return header;
}

std::uint64_t numbers_of(const std::vector<std::size_t>& shape) {
    std::uint64_t numbers = 1;
    for (const std::size_t side : shape) {
        if (side == 0 || side > kMostNumbers || (shape.size() > 1 && side > kMostSide_pixels)) return 0;
        numbers *= side;
        if (numbers > kMostNumbers) return 0;
    }
    return numbers;
}

/// At most 2^64 - 1, which no file has.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    return a > kMost / b ? kMost : a * b;
}

/// The file's remaining bytes, which must be exactly `promised`.
std::vector<std::uint8_t> read_rest(InputFile& file, std::uint64_t promised, const std::string& promise) {
    constexpr std::uint64_t kFirst_bytes = 1U << 20;
    std::vector<std::uint8_t> bytes;
    std::uint64_t held = 0;
    while (held < promised) {
        // Doubling, so that memory is never more than about twice what the file has proved to hold.
        bytes.resize(std::min(promised, std::max(kFirst_bytes, 2 * held)));
        const std::size_t asked = bytes.size() - held;
        const std::size_t got = file.read({reinterpret_cast<char*>(bytes.data() + held), asked});
        held += got;
        if (got < asked) {
            throw DataError(
                fmt::format("{}: ends at byte {}, but its header promises {} = {} bytes after it, of which "
                            "{} are there; fetch it again",
                            file.path().string(), file.offset(), promise, promised, held));
        }
    }
    const std::uint64_t end = file.offset();
    std::array<char, 1> extra{};
    if (file.read(extra) != 0) {
        throw DataError(
            fmt::format("{}: goes on after byte {}, where its header ({}) ends it; fetch it again",
                        file.path().string(), end, promise));
    }
    return bytes;
}

/// Elements of another type than unsigned byte.
StoredInputs decoded(const std::filesystem::path& path, std::uint8_t type,
                     std::span<const std::uint8_t> bytes) {
    const std::size_t size = bytes_of(type);
    std::vector<float> values(bytes.size() / size);
    bool whole = true;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double value = element(type, bytes.data() + i * size);
        if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
            throw DataError(
                fmt::format("{}: number {} is {}, expected a finite one of at most 3.4e38; correct it",
                            path.string(), i, value));
        }
        values[i] = static_cast<float>(value);
        whole = whole && value >= 0.0 && value <= 255.0 && value == std::floor(value);
    }
    if (!whole) return values;
    return std::vector<std::uint8_t>(values.begin(), values.end());
}

}  // namespace

std::size_t IdxImages::inputs() const { return numbers_of(shape); }

std::string shape_text(const std::vector<std::size_t>& shape) {
    std::string text;
    for (const std::size_t side : shape) text += fmt::format("{}{}", text.empty() ? "" : " x ", side);
    return text;
}

IdxImages read_idx_images(const std::filesystem::path& path) {
    InputFile file(path);
    const Header header = read_header(file, Content::kImages);
    IdxImages images;
    images.count = header.sizes[0];
    images.shape.assign(header.sizes.begin() + 1, header.sizes.end());
    images.of_bytes = header.type == kUnsignedByte;
    const std::uint64_t numbers = numbers_of(images.shape);
    if (numbers == 0) {
        throw DataError(fmt::format(
            "{}: byte 8: the header says images of {} pixels, expected sides of 1 to {}; fetch it again",
            path.string(), shape_text(images.shape), kMostSide_pixels));
    }
    std::vector<std::uint8_t> bytes =
        read_rest(file, product(images.count, numbers * bytes_of(header.type)),
                  fmt::format("{} images of {}{}", images.count, shape_text(images.shape),
                              images.of_bytes ? "" : fmt::format(", {} bytes each,", bytes_of(header.type))));
    if (images.of_bytes) {
        images.pixels = std::move(bytes);
    } else {
        images.pixels = decoded(path, header.type, bytes);
    }
    return images;
}

std::vector<std::int64_t> read_idx_labels(const std::filesystem::path& path) {
    InputFile file(path);
    const Header header = read_header(file, Content::kLabels);
    const std::size_t columns = header.sizes.size() == 1 ? 1 : header.sizes[1];
    if (columns != 1 && columns != kQmnistColumns) {
        throw DataError(fmt::format(
            "{}: byte 8: rows of {} numbers, expected a label each, or QMNIST's rows of {}, which begin with "
            "it; "
            "if they are one-hot rows, a 1 at the class's place, write the classes' numbers instead",
            path.string(), columns, kQmnistColumns));
    }
    const std::size_t row_bytes = columns * bytes_of(header.type);
    const std::vector<std::uint8_t> bytes =
        read_rest(file, header.sizes[0] * row_bytes, fmt::format("{} labels", header.sizes[0]));
    std::vector<std::int64_t> labels(header.sizes[0]);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const double label = element(header.type, bytes.data() + i * row_bytes);
        if (!(std::abs(label) <= 0x1p31) || label != std::floor(label)) {
            throw DataError(fmt::format("{}: item {}: label {}, expected a whole number; correct the file",
                                        path.string(), i, label));
        }
        labels[i] = static_cast<std::int64_t>(label);
    }
    return labels;
}

}  // namespace lockstep
