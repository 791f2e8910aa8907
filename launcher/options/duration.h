// Lengths of time as a user writes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace lockstep {

/// Seconds of a length of time: a number from 0 on, alone or followed by s, min or h, as in 300, 2.5min, 1 h;
/// nothing where `text` is none, or longer than a year.
std::optional<double> parse_duration(std::string_view text);

/// How often something is done; both 0: never.
struct Interval {
    std::size_t steps = 0;  ///< after so many, or
    double seconds = 0.0;   ///< so long after the last time
};

/// A whole number is one of steps; anything else what parse_duration reads; nothing where it is neither.
std::optional<Interval> parse_interval(std::string_view text);

}  // namespace lockstep
