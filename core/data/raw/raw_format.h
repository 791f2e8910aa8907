// The file of rows, byte by byte. All numbers are little endian.
//
//   header           4096 bytes: RawHeader, then zeros
//   rows             those of the training set, then those of the test set, row_bytes each: the inputs, bytes
//   or float32,
//                    zeros up to a multiple of 4, and the targets where they are real values (float32)
//   labels           where the targets are classes: int32 of each row, of the training set, then of the test
//   set unless
//                    that has no targets; zeros up to a multiple of 8
//   checksums        XXH3-64 of each row's bytes, in the rows' order: uint64
//   digest           XXH3-128 of header, labels and checksums, in its canonical form (big end first): 16
//   bytes
//
// The sizes in the header say how long the file is, so that one that was cut off is known by its length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "core/base/digest.h"
#include "core/base/shape.h"

namespace lockstep {

/// As PNG's, it tells a file that was sent as text.
inline constexpr std::array<char, 8> kRawMagic{'L', 'S', 'R', 'A', 'W', '\r', '\n', '\x1a'};
inline constexpr std::uint32_t kRawVersion = 1;
inline constexpr std::size_t kRawHeader_bytes = 4096;  // rows begin with a page

enum class RawInputs : std::uint32_t { kBytes = 1, kFloats = 2 };
enum class RawTargets : std::uint32_t { kClasses = 1, kValues = 2 };

/// One of the two sets.
struct RawPart {
    std::uint64_t rows = 0;
    std::uint32_t has_targets = 0;  ///< 0 or 1
    float largest_input = 0.0F;     ///< the largest magnitude, as stored
    float least_target = 0.0F;      ///< of all real targets
    float most_target = 0.0F;
};

struct RawHeader {
    std::array<char, 8> magic = kRawMagic;
    std::uint32_t version = kRawVersion;
    RawInputs inputs = RawInputs::kFloats;
    RawTargets targets = RawTargets::kClasses;
    float divisor = 1.0F;  ///< what the inputs were divided by where they came from: data.scale = auto
    std::uint64_t height = 0;
    std::uint64_t width = 1;
    std::uint64_t channels = 1;
    std::uint64_t is_image = 0;      ///< 0: a plain count of inputs, `height`
    std::uint64_t target_count = 0;  ///< classes, or real values of a sample
    std::uint64_t row_bytes = 0;
    std::array<RawPart, 2> parts;  ///< training and test set; no rows: no test set of its own
};
static_assert(sizeof(RawPart) == 24 && sizeof(RawHeader) == 120);

/// Where the pieces of a file are.
struct RawLayout {
    std::size_t target_offset = 0;  ///< within a row, of its real targets
    std::uint64_t rows = 0;         ///< of both parts
    std::uint64_t labels = 0;       ///< how many
    std::uint64_t labels_offset = 0;
    std::uint64_t checksums_offset = 0;
    std::uint64_t digest_offset = 0;
    std::uint64_t file_bytes = 0;
};

/// Throws DataError, naming `path`, for a header that no file can have: sizes beyond 2^63 bytes, no rows,
/// rows that do not hold their values, numbers that are none of the above.
RawLayout layout_of(const RawHeader& header, const std::filesystem::path& path);

/// The header of a set of samples like that, but for its parts. With real targets `target_count` values each.
RawHeader raw_header(RawInputs inputs, RawTargets targets, std::size_t target_count, const Shape& shape,
                     float divisor);

Shape shape_of(const RawHeader& header);

/// XXH3-64 of a row's bytes.
std::uint64_t row_checksum(std::span<const std::byte> row);

}  // namespace lockstep
