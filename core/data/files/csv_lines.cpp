// Lines cut at their commas, where a comma within quotes is none.
#include "core/data/files/csv_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/data/files/value_text.h"

namespace lockstep {

namespace {

/// The fields of a line, with the quotes around them.
void cut(std::string_view line, std::vector<std::string_view>& fields) {
    fields.clear();
    bool quoted = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '"') quoted = !quoted;
        if (line[i] != ',' || quoted) continue;
        fields.push_back(trimmed(line.substr(begin, i - begin)));
        begin = i + 1;
    }
    fields.push_back(trimmed(line.substr(begin)));
}

/// A field without quotes around it, in which "" stands for one.
std::string unquoted(std::string_view field) {
    if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
    field = field.substr(1, field.size() - 2);
    std::string name;
    for (std::size_t i = 0; i < field.size(); ++i) {
        name += field[i];
        if (field[i] == '"' && field.substr(i).starts_with("\"\"")) ++i;
    }
    return name;
}

bool is_number(std::string_view text) { return parse_number<float>(text).has_value(); }

}  // namespace

CsvLines::CsvLines(const std::filesystem::path& path, CsvForm form) : lines_(path), form_(std::move(form)) {}

bool CsvLines::next_line(std::string_view& line) {
    while (lines_.next(line)) {
        const bool blank = trimmed(line).empty();
        if (blank && blank_.empty()) blank_ = lines_.where();
        if (blank) continue;
        if (!blank_.empty()) {
            throw DataError(
                fmt::format("{}: is blank, expected values, since others follow; remove the line", blank_));
        }
        return true;
    }
    return false;
}

bool CsvLines::next() {
    std::string_view line;
    if (!next_line(line)) return false;
    if (!begun_ && begin(line) && !next_line(line)) return false;
    values_ = line;
    if (!kept_.empty()) take_apart(line);
    return true;
}

bool CsvLines::begin(std::string_view line) {
    begun_ = true;
    if (form_.heading == CsvHeading::kNo && !form_.selects()) return false;
    cut(line, fields_);
    columns_ = fields_.size();
    const bool numbers = std::ranges::all_of(fields_, is_number);
    const bool heading = form_.heading == CsvHeading::kYes ||
                         (form_.heading == CsvHeading::kAuto && std::ranges::none_of(fields_, is_number));
    if (heading && numbers) {
        remark_ = fmt::format(
            "{}: is left out as a heading, since data.header = yes, but all of it are numbers; if it is a "
            "sample, remove the key",
            where());
    }
    std::vector<std::string> names;
    if (heading) std::ranges::transform(fields_, std::back_inserter(names), unquoted);
    find_columns(names);
    return heading;
}

std::size_t CsvLines::find_column(std::string_view key, const std::string& wanted,
                                  std::span<const std::string> names) const {
    // A heading may have numbers for names.
    if (const auto found = std::ranges::find(names, wanted); found != names.end()) {
        if (std::ranges::count(names, wanted) > 1) {
            throw DataError(
                fmt::format("{}: several columns are called '{}'; give data.{} the column's number", where(),
                            wanted, key));
        }
        return static_cast<std::size_t>(found - names.begin());
    }
    if (const auto number = parse_number<std::size_t>(wanted)) {
        if (*number >= 1 && *number <= columns_) return *number - 1;
        throw DataError(
            fmt::format("{}: has {} columns, but data.{} names column {}; they are numbered from 1", where(),
                        columns_, key, *number));
    }
    if (names.empty()) {
        throw DataError(
            fmt::format("{}: data.{} names the column '{}', but the file is read without a heading; set "
                        "data.header = yes, "
                        "or give the column's number, from 1",
                        where(), key, wanted));
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    throw DataError(fmt::format("{}: no column is called '{}', as data.{} has it{}", where(), wanted, key,
                                did_you_mean(wanted, known)));
}

void CsvLines::find_columns(std::span<const std::string> names) {
    const auto missing = [&](const std::string& target) {
        return std::ranges::find(names, target) == names.end();
    };
    // Of a file without them: by their names, or since it has as many columns less.
    const auto is_numbered = [](const std::string& target) {
        return parse_number<std::size_t>(target).has_value();
    };
    const bool numbered = std::ranges::all_of(form_.targets, is_numbered);
    const bool without = form_.columns_with_targets > 0 && std::ranges::all_of(form_.targets, missing) &&
                         (!numbered || columns_ + form_.targets.size() == form_.columns_with_targets);
    std::size_t before_index = 0;  // columns that this file lacks in front of its index
    if (!without) {
        for (const std::string& target : form_.targets)
            target_columns_.push_back(find_column("target_columns", target, names));
    } else if (const auto index = parse_number<std::size_t>(form_.index)) {
        before_index =
            static_cast<std::size_t>(std::ranges::count_if(form_.targets, [&](const std::string& t) {
                const auto target = parse_number<std::size_t>(t);
                return target && *target < *index;
            }));
    }
    const bool bare =
        form_.one_column_has_no_index &&
        (columns_ == 1 || (!names.empty() && missing(form_.index) && !is_numbered(form_.index)));
    if (!form_.index.empty() && !bare) {
        const auto number = parse_number<std::size_t>(form_.index);
        const std::string here = before_index > 0 ? fmt::format("{}", *number - before_index) : form_.index;
        index_column_ = find_column("index_column", here, names);
    }
    if (index_column_ == kNone && target_columns_.empty()) return;
    for (std::size_t column = 0; column < columns_; ++column) {
        const auto uses = std::ranges::count(target_columns_, column) + (column == index_column_ ? 1 : 0);
        if (uses > 1) {
            throw DataError(
                fmt::format("{}: column {} is named twice; check data.target_columns and data.index_column",
                            where(), column + 1));
        }
        if (uses == 0) kept_.push_back(column);
    }
    if (kept_.empty()) {
        throw DataError(
            fmt::format("{}: all {} columns are targets or the index, so that no input is left; check "
                        "data.target_columns",
                        where(), columns_));
    }
}

void CsvLines::take_apart(std::string_view line) {
    cut(line, fields_);
    if (fields_.size() != columns_) {
        throw DataError(
            fmt::format("{}: {} values, expected {} as in line 1; correct the line or fetch the file "
                        "again",
                        where(), fields_.size(), columns_));
    }
    buffer_.clear();
    for (const std::size_t column : kept_) {
        if (!buffer_.empty() || column != kept_.front()) buffer_ += ',';
        buffer_ += fields_[column];
    }
    const std::size_t size = buffer_.size();
    buffer_.append(LineReader::kPadding_bytes, '\n');
    values_ = std::string_view(buffer_).substr(0, size);
    targets_.clear();
    for (const std::size_t column : target_columns_) targets_.push_back(fields_[column]);
    if (has_index()) index_ = fields_[index_column_];
}

}  // namespace lockstep
