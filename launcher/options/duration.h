// Lengths of time as a user writes them.
#pragma once

#include <optional>
#include <string_view>

namespace lockstep {

/// Seconds of a length of time: a number from 0 on, alone or followed by s, min or h, as in 300, 2.5min, 1 h;
/// nothing where `text` is none, or longer than a year.
std::optional<double> parse_duration(std::string_view text);

}  // namespace lockstep
