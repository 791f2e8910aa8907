// The lines of a CSV file, taken apart: its heading, and the columns that are no inputs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/names.h"
#include "core/data/files/line_reader.h"

namespace lockstep {

/// data.header: whether the first line is a heading. kAuto: where none of its values is a number.
enum class CsvHeading { kNo, kYes, kAuto };
template <>
inline constexpr std::array<std::string_view, 3> names_of<CsvHeading>{"no", "yes", "auto"};

/// How a CSV file's columns are to be read. A column is named as the heading has it, or numbered from 1.
struct CsvForm {
    CsvHeading heading = CsvHeading::kNo;
    std::string index;                 ///< names the samples and is no input; "": none
    std::vector<std::string> targets;  ///< are no inputs; none: all others are
    /// Columns of a file with these targets, in place of which one without them is read too: a test set that
    /// is to be predicted; 0: the targets must be there.
    std::size_t columns_with_targets = 0;
    bool one_column_has_no_index = false;  ///< of labels: a single column is one of labels

    [[nodiscard]] bool selects() const { return !index.empty() || !targets.empty(); }
};

/// The lines of samples of a CSV file. Blank lines are left out where none but blank ones follow.
class CsvLines {
  public:
    /// Throws DataError as LineReader does.
    CsvLines(const std::filesystem::path& path, CsvForm form);

    /// Goes to the next sample; false after the last. Throws DataError: a blank line before others, another
    /// number of values than in the first line, no column of a name or number of the form.
    bool next();

    /// What is left of the line without index and targets, in front of line_reader.h's padding.
    [[nodiscard]] std::string_view values() const { return values_; }
    /// As the form lists them.
    [[nodiscard]] std::span<const std::string_view> targets() const { return targets_; }
    /// Empty where the file has no such column.
    [[nodiscard]] std::string_view index() const { return index_; }
    [[nodiscard]] bool has_index() const { return index_column_ != kNone; }
    /// All columns of the file, once a sample was read; without a heading or columns that are no inputs 0.
    [[nodiscard]] std::size_t columns() const { return columns_; }
    /// The column, from 1, of the value `number` (from 0) of values().
    [[nodiscard]] std::size_t column_of(std::size_t number) const {
        return kept_.empty() ? number + 1 : kept_[number] + 1;
    }
    /// A warning on a heading that looks like a sample, or "".
    [[nodiscard]] const std::string& remark() const { return remark_; }
    /// "path:line" of the sample.
    [[nodiscard]] std::string where() const { return lines_.where(); }

  private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    bool next_line(std::string_view& line);
    /// Takes the first line for a heading or not, and finds the columns; whether it was one.
    bool begin(std::string_view line);
    void find_columns(std::span<const std::string> names);
    [[nodiscard]] std::size_t find_column(std::string_view key, const std::string& wanted,
                                          std::span<const std::string> names) const;
    void take_apart(std::string_view line);

    LineReader lines_;
    CsvForm form_;
    std::string blank_;  // where the first blank line is, if any
    bool begun_ = false;
    std::size_t columns_ = 0;
    std::size_t index_column_ = kNone;
    std::vector<std::size_t> target_columns_;
    std::vector<std::size_t> kept_;  // the columns of values(); empty: all
    std::string_view values_;
    std::string_view index_;
    std::vector<std::string_view> targets_;
    std::vector<std::string_view> fields_;
    std::string buffer_;
    std::string remark_;
};

}  // namespace lockstep
