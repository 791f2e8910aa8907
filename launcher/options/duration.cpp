#include "launcher/options/duration.h"

#include <array>
#include <utility>

#include "core/base/number.h"

namespace lockstep {

namespace {

constexpr double kYear_seconds = 365.0 * 24 * 3600;
// The longer name first: min, before something that ends in n.
constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
    {{"min", 60.0}, {"s", 1.0}, {"h", 3600.0}, {"", 1.0}}};

}  // namespace

std::optional<double> parse_duration(std::string_view text) {
    for (const auto& [unit, seconds] : kUnits) {
        if (!text.ends_with(unit)) continue;
        std::string_view digits = text.substr(0, text.size() - unit.size());
        while (!unit.empty() && digits.ends_with(' ')) digits.remove_suffix(1);
        const auto number = parse_number<double>(digits);
        if (!number || *number < 0.0 || *number * seconds > kYear_seconds) return std::nullopt;
        return *number * seconds;
    }
    return std::nullopt;
}

std::optional<Interval> parse_interval(std::string_view text) {
    if (const auto steps = parse_number<std::size_t>(text)) return Interval{.steps = *steps};
    // 1.5 is neither steps nor a time.
    if (parse_number<double>(text)) return std::nullopt;
    const std::optional<double> seconds = parse_duration(text);
    if (!seconds) return std::nullopt;
    return Interval{.seconds = *seconds};
}

}  // namespace lockstep
