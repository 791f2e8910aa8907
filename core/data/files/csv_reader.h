// Vectors and labels as text: comma-separated numbers, one vector a line; one class a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/data/stored_dataset.h"

namespace lockstep {

/// Classes beyond this are taken for a mistake in the file.
inline constexpr std::size_t kMostClasses = 65536;

struct CsvVectors {
    std::size_t rows = 0;
    std::size_t columns = 0;
    StoredInputs values;  ///< (rows, columns): bytes when every value is written as an integer of 0 to 255,
                          ///< else floats
};

/// Reads vectors, plain or gzipped. All lines have as many values as the first; blanks around values, CR LF,
/// a missing last line end and blank lines at the end are accepted. Throws DataError with file:line: a wrong
/// number of values, what is no finite number, a blank line, an empty file. Cost: one pass; about 1 GB/s of
/// text for MNIST's integers, a tenth of it for real numbers.
CsvVectors read_csv_vectors(const std::filesystem::path& path);

/// Reads labels, each an integer of [0, classes). Requires classes > 0.
/// Throws DataError with file:line: not an integer, out of range, a blank line, an empty file.
std::vector<std::int32_t> read_csv_labels(const std::filesystem::path& path, std::size_t classes);

/// The same values as floats, unscaled.
std::vector<float> as_floats(const StoredInputs& values);

}  // namespace lockstep
