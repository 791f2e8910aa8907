// The keys a configuration can hold: one table for the file, the flags, the variables, the checks and the
// help.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

enum class OptionKind {
    kText,         ///< any text
    kWhole,        ///< a whole number in [least, most]
    kWholeOrAll,   ///< the same, or "all"
    kWholeOrAuto,  ///< the same, or "auto"
    kReal,         ///< a finite number between least and most
    kRates,        ///< what parse_rates reads
    kChoice,       ///< one of `choices`
    kSwitch,       ///< true or false
    kLayer,        ///< what parse_layer reads
    kDuration,     ///< what parse_duration reads
    kInterval,     ///< a whole number of steps, or what parse_duration reads where it has a unit
};

/// One key. Its value is checked against all that concerns it alone.
struct OptionSpec {
    std::string_view key;
    OptionKind kind = OptionKind::kText;
    std::string_view default_text = {};
    std::string_view help = {};
    std::span<const std::string_view> choices = {};
    double least = 0.0;
    double most = 0.0;
    bool above = false;            ///< `least` itself is not allowed
    bool below = false;            ///< `most` itself is not allowed
    bool required = false;         ///< has no default
    bool repeated = false;         ///< may be given several times, in order
    bool path = false;             ///< text that names a file or folder: ~ and $NAME are expanded
    bool free = false;             ///< changes no bit of what is trained: may be another when a run goes on
    std::string_view unless = {};  ///< a required key is not, where this one is given
};

// The upper ends that stand for "from least up". Whole numbers up to 2^53 are exact in a double; the seed
// alone may use all 64 bits.
inline constexpr double kMostWhole = 0x1p53;
inline constexpr double kMostSeed = 0x1p64;
inline constexpr double kMostReal = std::numeric_limits<float>::max();

/// All keys, section by section.
std::span<const OptionSpec> option_table();

/// The row of `key`, or nullptr.
const OptionSpec* find_option(std::string_view key);

/// What a key's help says, with the sources that read it, or what a layer may say, from their own tables.
std::string help_of(const OptionSpec& spec);
/// LOCKSTEP_OPTIMIZER_LEARNING_RATE for optimizer.learning_rate.
std::string variable_name(std::string_view key);

/// The key that a misspelled one is nearest to, also one of that name in another section; "" if none is near.
std::string nearest_key(std::string_view key);

/// What a value must be, in words: "a whole number from 1 to 4096", "one of sgd, adam".
std::string rule_text(const OptionSpec& spec);

/// "" where `text` is a value of the key, else why it is not: the rule and the nearest valid spelling.
std::string fault_of(const OptionSpec& spec, const std::string& text);

}  // namespace lockstep
