// The nearest valid spelling of a word a user got wrong.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// The candidate with the least Levenshtein distance to `word`, or "" where none is near enough to be meant
/// (more than a third of the letters would change, and more than two).
std::string nearest_spelling(std::string_view word, std::span<const std::string_view> candidates);

/// " (did you mean 'relu'?)", or "" where no candidate is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace lockstep
