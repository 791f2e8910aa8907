// Which of several values is the largest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace lockstep {

/// The index of the largest value, the first of equals. Requires at least one.
inline std::size_t argmax(std::span<const float> values) {
    return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

}  // namespace lockstep
