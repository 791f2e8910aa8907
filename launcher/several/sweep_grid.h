// What a sweep varies: the values of keys, every combination of them, or so many points drawn at random.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// What `sweep` is told by flags of its own.
struct SweepInput {
    std::vector<std::string> grid;  ///< --grid KEY=VALUES, each as given
    std::size_t random = 0;         ///< --random N points; 0: all combinations
    std::size_t seeds = 1;          ///< --seeds N networks for each point, from training.seed on
};

/// Numbers between two, of which points are drawn.
struct SweepRange {
    double least = 0.0;
    double most = 1.0;
    bool logarithmic = false;  ///< the number's logarithm is uniform, not the number
    bool whole = false;
};

/// One key with what it may be: alternatives, or a range.
struct SweepKey {
    std::string key;
    std::string flag;  ///< "--grid KEY=VALUES" as given, for messages
    /// Each the values of the key: one, or several in order where the key may be repeated.
    std::vector<std::vector<std::string>> alternatives;
    std::optional<SweepRange> range;
};

/// Values of the keys, in the order of the --grid flags; a repeated key has several.
struct SweepPoint {
    std::vector<std::pair<std::string, std::string>> values;
    auto operator<=>(const SweepPoint&) const = default;
};

/// Reads "KEY=VALUES": values separated by commas, or, where there are any, by semicolons, or by bars. The
/// values of a repeated key (network.layer) are separated by semicolons, and its alternatives by bars alone.
/// "log:0.001..0.1" and "lin:0.5..0.9" are ranges. Throws ConfigError naming the flag: an unknown key, one of
/// the sweep as a whole, a value that is none of the key's, what is given twice.
std::vector<SweepKey> parse_sweep_keys(const std::vector<std::string>& grid);

/// All combinations, the last key's values changing fastest; or `random` different points, each key's value
/// drawn by itself: uniform among alternatives or over the range, to four significant digits, as a function
/// of (seed, number of the draw, number of the key). Throws ConfigError where there are not so many, or a
/// range is to be combined. Requires keys.
std::vector<SweepPoint> sweep_points(const std::vector<SweepKey>& keys, std::size_t random,
                                     std::uint64_t seed);

/// "optimizer.learning_rate = 0.01, optimizer.momentum = 0.9".
std::string to_string(const SweepPoint& point);
/// "optimizer.learning_rate: 0.01 | 0.1", "optimizer.learning_rate: log:0.001..0.1".
std::string to_string(const SweepKey& key);

}  // namespace lockstep
