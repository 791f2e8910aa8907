// A line of numbers, for the small text files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The line up to a #.
std::string_view without_comment(std::string_view line);

/// The numbers of `text`, separated by blanks. Throws DataError, which begins with `where`, for what is none.
std::vector<float> read_numbers(std::string_view text, const std::string& where);

}  // namespace lockstep
