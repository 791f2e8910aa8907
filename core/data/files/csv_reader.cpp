// Parsing of CSV vectors and labels: a fast path for lines of bytes, a careful one for everything else.
#include "core/data/files/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/data/files/labels.h"
#include "core/data/files/value_text.h"

namespace lockstep {

namespace {

[[noreturn]] void throw_empty(const std::filesystem::path& path) {
    throw DataError(
        fmt::format("{}:1: the file is empty, expected at least one line; fetch it again", path.string()));
}

/// Parses a line of exactly row.size() integers of 0 to 255 with nothing between them but commas; false if it
/// is not.
bool parse_bytes(std::string_view line, std::span<std::uint8_t> row) {
    static_assert(LineReader::kPadding_bytes >= 8);
    std::uint64_t four_zeros = 0;
    std::memcpy(&four_zeros, "0,0,0,0,", 8);
    const auto digit = [](char c) { return static_cast<unsigned>(static_cast<unsigned char>(c)) - '0'; };
    const char* p = line.data();
    const char* const end = p + line.size();
    for (std::size_t c = 0; c < row.size();) {
        // Four fifths of an image of digits are black. The row's last value has no comma and is not among the
        // four.
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        if (word == four_zeros && c + 4 < row.size() && end - p > 8) {
            std::memset(&row[c], 0, 4);
            c += 4;
            p += 8;
            continue;
        }
        unsigned value = digit(*p);
        if (value > 9) return false;
        ++p;
        for (int more = 0; more < 2 && digit(*p) <= 9; ++more) value = 10 * value + digit(*p++);
        if (value > 255) return false;
        row[c++] = static_cast<std::uint8_t>(value);
        if (p == end) return c == row.size();
        if (*p++ != ',') return false;
    }
    return false;
}

/// One value in any accepted notation. `is_byte` is cleared unless it is a whole number from 0 to 255.
std::optional<float> parse_value(std::string_view text, bool& is_byte) {
    const char* const end = text.data() + text.size();
    unsigned integer = 0;
    const auto [integer_end, integer_error] = std::from_chars(text.data(), end, integer);
    if (integer_error == std::errc() && integer_end == end && integer <= 255)
        return static_cast<float>(integer);
    const std::optional<float> value = parse_number<float>(text);
    if (!value || *value < 0.0F || *value > 255.0F || *value != std::floor(*value)) is_byte = false;
    return value;
}

/// Parses a line of row.size() values; returns whether all of them are bytes.
bool parse_values(std::string_view line, std::span<float> row, const CsvLines& lines) {
    const std::string_view whole = line;
    const auto values = static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1;
    if (values != row.size()) {
        const bool ends = trimmed(line).ends_with(',');
        throw DataError(
            fmt::format("{}: {} values, expected {} as in line 1; {}", lines.where(), values, row.size(),
                        ends ? "remove the comma at its end" : "correct the line or fetch the file again"));
    }
    bool all_bytes = true;
    for (std::size_t c = 0; c < row.size(); ++c) {
        const std::size_t comma = std::min(line.find(','), line.size());
        const std::string_view text = trimmed(line.substr(0, comma));
        const std::optional<float> value = parse_value(text, all_bytes);
        if (!value) {
            throw DataError(fmt::format("{}: value {} is {}, expected a finite number; {}", lines.where(),
                                        lines.column_of(c), quoted(text), csv_advice(whole, text)));
        }
        row[c] = *value;
        line.remove_prefix(std::min(comma + 1, line.size()));
    }
    return all_bytes;
}

/// The class that a line spells, also as 3.0 or 3e0; nothing where it is no whole number. What no int64 holds
/// is its least or most.
std::optional<std::int64_t> parse_label(std::string_view text) {
    const NumberReading<std::int64_t> whole = read_number<std::int64_t>(text);
    if (whole.fault == NumberFault::kNone) return whole.value;
    const NumberReading<double> real = read_number<double>(text);
    if (real.fault != NumberFault::kNone || real.value != std::floor(real.value)) return std::nullopt;
    constexpr double kMost = 0x1p62;
    return static_cast<std::int64_t>(std::clamp(real.value, -kMost, kMost));
}

/// Labels as they are read, one after the other.
class LabelList {
  public:
    explicit LabelList(std::size_t classes) : classes_(classes) {}

    void add(std::string_view text, const CsvLines& lines) {
        const std::optional<std::int64_t> label = parse_label(text);
        if (!label) {
            throw DataError(fmt::format("{}: {}, expected one integer; {}", lines.where(), quoted(text),
                                        label_advice(text)));
        }
        range_.add(*label);
        if (beyond_.empty() && (*label < 0 || static_cast<std::uint64_t>(*label) >= classes_)) {
            beyond_ = fmt::format("{}: label {}, expected 0 to {}", lines.where(), text.substr(0, 24),
                                  classes_ - 1);
        }
        if (beyond_.empty()) labels_.push_back(static_cast<std::int32_t>(*label));
    }
    std::vector<std::int32_t> take() {
        if (!beyond_.empty()) throw DataError(fmt::format("{}; {}", beyond_, range_.remedy()));
        return std::move(labels_);
    }

  private:
    std::size_t classes_;
    std::vector<std::int32_t> labels_;
    LabelRange range_;
    std::string beyond_;  // the first label out of range
};

/// The targets of a line as numbers behind those of the lines before.
void add_values(const CsvLines& lines, std::vector<float>& values) {
    for (const std::string_view text : lines.targets()) {
        const std::optional<float> value = parse_number<float>(text);
        if (!value) {
            throw DataError(fmt::format("{}: the target {} is no finite number; {}", lines.where(),
                                        quoted(text), csv_advice(text, text)));
        }
        values.push_back(*value);
    }
}

std::uint64_t fingerprint(std::string_view text) { return digest_of(std::as_bytes(std::span(text))).low; }

/// The number of values in the first sample's line. Throws DataError where the heading has another one.
std::size_t first_width(const CsvLines& lines) {
    const std::string_view line = lines.values();
    const auto width = static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1;
    const bool all = lines.targets().empty() && !lines.has_index();
    if (all && lines.columns() > 0 && lines.columns() != width) {
        throw DataError(
            fmt::format("{}: {} values, but the heading above has {}; write as many names as values (R: "
                        "row.names = FALSE)",
                        lines.where(), width, lines.columns()));
    }
    return width;
}

}  // namespace

CsvTable read_csv_table(const std::filesystem::path& path, const CsvForm& form, std::size_t classes) {
    CsvLines lines(path, form);
    CsvTable table;
    LabelList labels(classes);
    std::vector<std::uint8_t> bytes;
    std::vector<float> floats;
    std::vector<float> row;
    bool as_bytes = true;
    std::size_t rows = 0;
    while (lines.next()) {
        const std::string_view line = lines.values();
        if (rows == 0) row.resize(first_width(lines));
        ++rows;
        if (lines.has_index()) table.index.push_back(fingerprint(lines.index()));
        if (!lines.targets().empty() && classes > 0) labels.add(lines.targets().front(), lines);
        if (classes == 0) add_values(lines, table.targets);
        if (as_bytes) {
            bytes.resize(rows * row.size());
            const auto byte_row = std::span(bytes).last(row.size());
            if (parse_bytes(line, byte_row)) continue;
            as_bytes = parse_values(line, row, lines);
            if (as_bytes) {
                std::transform(row.begin(), row.end(), byte_row.begin(),
                               [](float v) { return static_cast<std::uint8_t>(v); });
                continue;
            }
            // The first value that is no byte: all before it become floats too.
            bytes.resize((rows - 1) * row.size());
            floats.assign(bytes.begin(), bytes.end());
            bytes = {};
        } else {
            parse_values(line, row, lines);
        }
        floats.insert(floats.end(), row.begin(), row.end());
    }
    if (rows == 0) throw_empty(path);
    table.vectors = {rows, row.size(), {}};
    if (as_bytes) {
        table.vectors.values = std::move(bytes);
    } else {
        table.vectors.values = std::move(floats);
    }
    table.columns = lines.columns();
    table.labels = labels.take();
    table.target_columns = classes == 0 ? table.targets.size() / rows : (table.labels.empty() ? 0 : 1);
    table.remark = lines.remark();
    return table;
}

CsvVectors read_csv_vectors(const std::filesystem::path& path) { return read_csv_table(path).vectors; }

CsvLabels read_csv_labels(const std::filesystem::path& path, std::size_t classes, const CsvForm& form) {
    CsvLines lines(path, form);
    CsvLabels read;
    LabelList labels(classes);
    while (lines.next()) {
        labels.add(trimmed(lines.values()), lines);
        if (lines.has_index()) read.index.push_back(fingerprint(lines.index()));
    }
    read.labels = labels.take();
    if (read.labels.empty()) throw_empty(path);
    read.remark = lines.remark();
    return read;
}

std::vector<std::int32_t> read_csv_labels(const std::filesystem::path& path, std::size_t classes) {
    return read_csv_labels(path, classes, {}).labels;
}

std::vector<float> as_floats(const StoredInputs& values) {
    return std::visit([](const auto& v) { return std::vector<float>(v.begin(), v.end()); }, values);
}

}  // namespace lockstep
