#include "core/data/files/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/number.h"
#include "core/base/spelling.h"

namespace lockstep {

namespace {

bool has(std::string_view text, char c) { return text.find(c) != std::string_view::npos; }

bool is_missing(std::string_view value) {
    constexpr std::array<std::string_view, 14> kMissing{"",    "?",   "-",   "NA",   "N/A",  "na",   "n/a",
                                                        "NaN", "nan", "NAN", "null", "NULL", "None", "."};
    return std::ranges::find(kMissing, value) != kMissing.end();
}

bool has_letters(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

/// What every kind of text file may hold by mistake; "" where it is none of that.
std::string common_advice(std::string_view line, std::string_view value) {
    if (has(line, '\0')) return "it holds zero bytes, so it is no text, or UTF-16: save it as UTF-8";
    if (has(line, '\r')) {
        return "its lines end with carriage returns alone; save it with line feeds (LF, or CR LF)";
    }
    if (has(value, '"') || has(value, '\'')) {
        return "it is in quotes; write numbers without them (R: quote = FALSE, Python: csv.QUOTE_MINIMAL)";
    }
    const NumberFault fault = read_number<float>(value).fault;
    if (fault == NumberFault::kTooLarge) {
        return "it is too large for a float, which holds up to 3.4e38; correct it, or scale the column";
    }
    if (value == "inf" || value == "-inf" || value == "+inf") return "it is infinite; correct it";
    return "";
}

/// 0 and a single 1, separated by commas.
bool is_one_hot(std::string_view line) {
    std::size_t ones = 0;
    std::size_t values = 0;
    while (!line.empty()) {
        const std::size_t comma = std::min(line.find(','), line.size());
        const auto value = parse_number<float>(trimmed(line.substr(0, comma)));
        if (!value || (*value != 0.0F && *value != 1.0F)) return false;
        if (*value == 1.0F) ++ones;
        ++values;
        line.remove_prefix(std::min(comma + 1, line.size()));
    }
    return values > 1 && ones == 1;
}

}  // namespace

std::string quoted(std::string_view text) {
    constexpr std::size_t kShown = 24;
    std::string shown(text.substr(0, kShown));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return fmt::format("'{}{}'", shown, text.size() > kShown ? "…" : "");
}

std::string csv_advice(std::string_view line, std::string_view value) {
    if (has(line, ';')) {
        return has(line, ',') ? "the line is separated by semicolons (;) and has decimal commas; write 12.5 "
                                "for 12,5 and "
                                "separate values by commas"
                              : "the line is separated by semicolons (;), expected commas; replace them";
    }
    if (has(line, '\t') && !has(line, ',')) {
        return "the line is separated by tabs, expected commas; replace them";
    }
    if (std::string advice = common_advice(line, value); !advice.empty()) return advice;
    if (value.empty() && trimmed(line).ends_with(',')) {
        return "the line ends with a comma, or its last value is missing; remove the comma from every line, "
               "or "
               "fill the value in";
    }
    if (is_missing(value)) {
        return "it stands for a missing value; fill it in (with the column's mean, say), or remove the "
               "sample "
               "and its label";
    }
    if (has(value, ' ') && !has(line, ',') && !has_letters(line)) {
        return "the line is separated by blanks, expected commas; replace them (numpy.savetxt: "
               "delimiter=',')";
    }
    return "correct it; if the line is a heading, set data.header = yes; if the column names the samples, "
           "data.index_column";
}

std::string label_advice(std::string_view line) {
    if (std::string advice = common_advice(line, line); !advice.empty()) return advice;
    if (is_one_hot(line)) {
        return "it looks like a one-hot row, a 1 at the class's place; write the class's number, from 0 "
               "(numpy: argmax(axis=1))";
    }
    if (has(line, ',') || has(line, ';') || has(line, '\t') || (has(line, ' ') && !has_letters(line))) {
        return "it holds several values; write one class a line, without the inputs; a line number is left "
               "out by data.index_column, and several targets are read by data.targets = values";
    }
    if (is_missing(line)) return "the label is missing; fill it in, or remove the sample and its label";
    if (has_letters(line)) {
        return "if the line is a heading, set data.header = yes; names of classes become numbers from 0, one "
               "for each";
    }
    if (parse_number<float>(line))
        return "correct the line, or set data.targets = values where targets are numbers";
    return "correct the line";
}

std::string word_advice(std::string_view word) {
    if (std::string advice = common_advice(word, word); !advice.empty()) return advice;
    if (has(word, ';') || has(word, ',')) {
        return "numbers are separated by blanks here, and have a decimal point; write 0.5 1 for 0,5;1";
    }
    if (is_missing(word)) return "it stands for a missing value; fill it in, or remove the line";
    return "correct it; a comment begins with #";
}

}  // namespace lockstep
