// Cuts a set of samples at random into training, validation and test part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace lockstep {

/// Shares of a set in per cent, which add up to 100; empty: nothing is cut. Two: training and validation
/// part; three: also a test part.
struct SplitShares {
    std::vector<std::size_t> per_cent;
    bool operator==(const SplitShares&) const = default;
};

/// Reads "none", "80/20", "60/20/20": whole numbers above 0 that add up to 100. Nothing where it is none of
/// that.
std::optional<SplitShares> parse_split(std::string_view text);

/// The parts' samples, in ascending order: disjoint, together all of `count`. A part ends where its share of
/// the set, rounded to the nearest sample, does. Which samples is a function of (seed, count, shares) alone.
std::vector<std::vector<std::uint64_t>> split_indices(std::size_t count, const SplitShares& shares,
                                                      std::uint64_t seed);

}  // namespace lockstep
