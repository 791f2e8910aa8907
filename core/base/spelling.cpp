#include "core/base/spelling.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "core/base/number.h"

namespace lockstep {

namespace {

bool same_letter(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitute = diagonal + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
        }
    }
    return row.back();
}

}  // namespace

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string nearest_spelling(std::string_view word, std::span<const std::string_view> candidates) {
    std::string_view nearest;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        // A distance of the whole word means nothing was kept of it.
        if (distance < least && distance < std::max(word.size(), candidate.size())) {
            least = distance;
            nearest = candidate;
        }
    }
    return std::string(nearest);
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
    const std::string nearest = nearest_spelling(word, candidates);
    if (nearest.empty()) return "";
    return " (did you mean '" + nearest + "'?" +
           (differ_in_case(word, nearest) ? " upper and lower case differ)" : ")");
}

bool differ_in_case(std::string_view a, std::string_view b) {
    return a != b && std::ranges::equal(a, b, same_letter);
}

std::string decimal_hint(std::string_view text) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) return "";
    std::string point(text);
    point[comma] = '.';
    return parse_number<double>(point) ? "; write a decimal point: " + point : "";
}

std::string digits_hint(std::string_view text) {
    constexpr std::string_view kWrite = "; write the digits alone: ";
    // Groups of three behind a first one of one to three.
    std::string digits;
    std::size_t in_group = 0;
    bool groups = false;
    for (const char c : text) {
        if (is_digit(c)) {
            digits += c;
            ++in_group;
        } else if (std::string_view(",_' ").find(c) != std::string_view::npos && in_group > 0 &&
                   (groups ? in_group == 3 : in_group <= 3)) {
            groups = true;
            in_group = 0;
        } else {
            digits.clear();
            break;
        }
    }
    if (!digits.empty() && groups && in_group == 3) return std::string(kWrite) + digits;
    const auto number = parse_number<double>(text);
    constexpr double kMostExact = 0x1p53;
    if (text.find_first_of("eE") == std::string_view::npos || !number || *number < 0.0 ||
        *number > kMostExact)
        return "";
    const auto whole = static_cast<std::uint64_t>(*number);
    return static_cast<double>(whole) == *number ? std::string(kWrite) + std::to_string(whole) : "";
}

}  // namespace lockstep
