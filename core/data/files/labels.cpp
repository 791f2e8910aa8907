#include "core/data/files/labels.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/data/files/csv_reader.h"

namespace lockstep {

void LabelRange::add(std::int64_t label) {
    least = empty ? label : std::min(least, label);
    most = empty ? label : std::max(most, label);
    empty = false;
}

std::string LabelRange::remedy() const {
    // Of what no double tells from its neighbours, as 1e39, only the file has the digits.
    constexpr std::int64_t kExact = std::int64_t{1} << 53;
    if (least < -kExact || most > kExact) return "number the classes 0, 1, 2, …";
    const std::string range = fmt::format("labels run from {} to {}", least, most);
    if (least < 0 || most >= static_cast<std::int64_t>(kMostClasses))
        return range + ": number the classes 0, 1, 2, …";
    std::string classes = fmt::format("{}: set data.classes = {}", range, most + 1);
    if (least == 0) return classes;
    return fmt::format("{}, or subtract {} from each", classes, least);
}

}  // namespace lockstep
