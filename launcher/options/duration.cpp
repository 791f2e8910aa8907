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

}  // namespace lockstep
