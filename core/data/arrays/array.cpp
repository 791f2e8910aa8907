#include "core/data/arrays/array.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace lockstep {

ArrayValues::ArrayValues(std::string where, bool bytes) : where_(std::move(where)) {
    if (!bytes) values_ = std::vector<float>();
}

void ArrayValues::add(std::span<const std::uint8_t> bytes) {
    auto& held = std::get<std::vector<std::uint8_t>>(values_);
    held.insert(held.end(), bytes.begin(), bytes.end());
}

std::size_t ArrayValues::size() const {
    return std::visit([](const auto& values) { return values.size(); }, values_);
}

void ArrayValues::add_number(double number) {
    auto& held = std::get<std::vector<float>>(values_);
    // The conversion of what no float holds is undefined.
    const bool fits = std::fabs(number) < 0x1p128;
    const float value = fits ? static_cast<float>(number) : 0.0F;
    if (!fits || !std::isfinite(value)) {
        throw DataError(
            fmt::format("{}: value {} is {}, expected a finite number that a float holds; correct it", where_,
                        held.size(), number));
    }
    held.push_back(value);
}

}  // namespace lockstep
