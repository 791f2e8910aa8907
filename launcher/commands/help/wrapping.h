// Text in the lines of a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lockstep {

/// Columns of the terminal that shows standard output: what COLUMNS says, else the terminal itself, and 80
/// where neither is known. At least 40.
std::size_t output_columns();

/// The text, which begins at column `begin` of its first line, in lines of up to `columns` characters; those
/// that follow are indented by `indent`. Cut at blanks; words too long for a line of their own also behind
/// one of |,; and where they have none they stick out. Its line ends stay.
std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent = 0,
                    std::size_t begin = 0);

}  // namespace lockstep
