// The nearest valid spelling of a word or number a user got wrong.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// Without blanks and tabs at the ends.
std::string_view trimmed(std::string_view text);

/// The candidate with the least Levenshtein distance to `word`, or "" where none is near enough to be meant
/// (more than a third of the letters would change, and more than two). Upper and lower case count as one.
std::string nearest_spelling(std::string_view word, std::span<const std::string_view> candidates);

/// " (did you mean 'relu'?)", or "" where no candidate is near. Says so where case alone differs.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

/// Whether the two differ, and in upper and lower case alone.
bool differ_in_case(std::string_view a, std::string_view b);

/// "; write a decimal point: 0.5" for "0,5"; "" where that is not what is wrong.
std::string decimal_hint(std::string_view text);

/// "; write the digits alone: 1000" for "1,000", "1_000", "1'000", "1 000" and "1e3"; "" where that is not
/// what is wrong.
std::string digits_hint(std::string_view text);

}  // namespace lockstep
