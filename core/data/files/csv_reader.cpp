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

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/data/files/labels.h"
#include "core/data/files/line_reader.h"
#include "core/data/files/value_text.h"

namespace lockstep {

namespace {

/// Gives the lines that are not blank; throws where a blank one has others after it.
class DataLines {
  public:
    explicit DataLines(const std::filesystem::path& path) : lines_(path) {}

    bool next(std::string_view& line) {
        while (lines_.next(line)) {
            const bool blank = trimmed(line).empty();
            if (blank && blank_.empty()) blank_ = lines_.where();
            if (blank) continue;
            if (!blank_.empty()) {
                throw DataError(fmt::format(
                    "{}: is blank, expected values, since others follow; remove the line", blank_));
            }
            return true;
        }
        return false;
    }
    [[nodiscard]] std::string where() const { return lines_.where(); }

  private:
    LineReader lines_;
    std::string blank_;  // where the first blank line is, if any
};

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
bool parse_values(std::string_view line, std::span<float> row, const DataLines& lines) {
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
                                        c + 1, quoted(text), csv_advice(whole, text)));
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

}  // namespace

CsvVectors read_csv_vectors(const std::filesystem::path& path) {
    DataLines lines(path);
    std::vector<std::uint8_t> bytes;
    std::vector<float> floats;
    std::vector<float> row;
    bool as_bytes = true;
    std::size_t rows = 0;
    std::string_view line;
    while (lines.next(line)) {
        if (rows == 0) row.resize(static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1);
        ++rows;
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
    if (as_bytes) return {rows, row.size(), std::move(bytes)};
    return {rows, row.size(), std::move(floats)};
}

std::vector<std::int32_t> read_csv_labels(const std::filesystem::path& path, std::size_t classes) {
    DataLines lines(path);
    std::vector<std::int32_t> labels;
    LabelRange range;
    std::string beyond;  // the first label out of range
    std::string_view line;
    while (lines.next(line)) {
        const std::string_view text = trimmed(line);
        const std::optional<std::int64_t> label = parse_label(text);
        if (!label) {
            throw DataError(fmt::format("{}: {}, expected one integer; {}", lines.where(), quoted(text),
                                        label_advice(text)));
        }
        range.add(*label);
        if (beyond.empty() && (*label < 0 || static_cast<std::uint64_t>(*label) >= classes)) {
            beyond =
                fmt::format("{}: label {}, expected 0 to {}", lines.where(), text.substr(0, 24), classes - 1);
        }
        if (beyond.empty()) labels.push_back(static_cast<std::int32_t>(*label));
    }
    if (!beyond.empty()) throw DataError(fmt::format("{}; {}", beyond, range.remedy()));
    if (labels.empty()) throw_empty(path);
    return labels;
}

std::vector<float> as_floats(const StoredInputs& values) {
    return std::visit([](const auto& v) { return std::vector<float>(v.begin(), v.end()); }, values);
}

}  // namespace lockstep
