// Vectors and labels as text: comma-separated numbers, one vector a line; one class a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/data/files/csv_lines.h"
#include "core/data/stored_dataset.h"

namespace lockstep {

/// Classes beyond this are taken for a mistake in the file.
inline constexpr std::size_t kMostClasses = 65536;

struct CsvVectors {
    std::size_t rows = 0;
    std::size_t columns = 0;
    StoredInputs values;  ///< (rows, columns): bytes when every value is a whole number from 0 to 255,
                          ///< written as 7, 7.0 or 7e0, else floats
};

struct CsvTable {
    CsvVectors vectors;
    std::vector<std::int32_t> labels;  ///< of the form's target, where there are classes; else empty
    std::vector<float> targets;        ///< (rows, target_columns), where there are none
    std::size_t target_columns = 0;    ///< 0 too where the file may lack them, and does
    std::vector<std::uint64_t> index;  ///< the samples' names, a fingerprint each; empty: no such column
    std::size_t columns = 0;           ///< of the whole file, where its form is not plain
    std::string remark;                ///< a warning, or ""
};

struct CsvLabels {
    std::vector<std::int32_t> labels;
    std::vector<std::uint64_t> index;
    std::string remark;
};

/// Reads samples whose columns are as `form` has them. Its targets are numbers, or, with classes > 0, one
/// class. Throws DataError as the two below, and for columns that are not there.
CsvTable read_csv_table(const std::filesystem::path& path, const CsvForm& form = {}, std::size_t classes = 0);

/// Reads vectors, plain or gzipped. All lines have as many values as the first; blanks around values, CR LF,
/// a missing last line end and blank lines at the end are accepted. Throws DataError with file:line: a wrong
/// number of values, what is no finite number (value_text.h names what it looks like), a blank line, an empty
/// file. Cost: one pass; about 1 GB/s of text for MNIST's integers, a tenth of it for real numbers.
CsvVectors read_csv_vectors(const std::filesystem::path& path);

/// Reads labels, each a whole number of [0, classes), written as 3, 3.0 or 3e0. Requires classes > 0.
/// Throws DataError with file:line: not a whole number, out of range, a blank line, an empty file.
std::vector<std::int32_t> read_csv_labels(const std::filesystem::path& path, std::size_t classes);

/// The same of a file with a heading or an index.
CsvLabels read_csv_labels(const std::filesystem::path& path, std::size_t classes, const CsvForm& form);

/// The same values as floats, unscaled.
std::vector<float> as_floats(const StoredInputs& values);

}  // namespace lockstep
