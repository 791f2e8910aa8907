// What a text that should be numbers looks like instead, in words, for messages.
#pragma once

#include <string>
#include <string_view>

namespace lockstep {

/// The beginning of a piece of a file in quotes, safe to print.
std::string quoted(std::string_view text);

/// What `value`, no finite number, of a comma-separated `line` looks like, and what to do: separators,
/// decimal commas, quotes, missing values, headings, numbers that no float holds. `line` goes without its
/// end.
std::string csv_advice(std::string_view line, std::string_view value);

/// The same of a line that should be one class.
std::string label_advice(std::string_view line);

/// The same of a word of a file whose numbers are separated by blanks.
std::string word_advice(std::string_view word);

}  // namespace lockstep
