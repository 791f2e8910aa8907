// Where every setting comes from: flags, environment variables, the configuration file, defaults, in this
// precedence.
//
// A key `[optimizer] learning_rate` of the file is also the flag `--optimizer.learning_rate` and the variable
// LOCKSTEP_OPTIMIZER_LEARNING_RATE. A key that may be repeated (network.layer) is replaced as a whole by the
// source of the highest precedence that gives it. Whatever the source, blanks around a value and then quotes
// around it are taken off, and ~ and $NAME of a path are expanded (config_paths.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep {

/// How the origin of a value begins that a model says of itself; its file follows.
inline constexpr std::string_view kModelOrigin = "model ";

/// One value of a key, and where it was given.
struct OptionValue {
    std::string text;
    std::string origin;  ///< "default", "flag --data.dir", "variable LOCKSTEP_DATA_DIR", "xor.ini:7",
                         ///< "model m.lockstep"
    bool operator==(const OptionValue&) const = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
        archive& text& origin;
    }
};

/// A key with its values: one, or several in order where the key may be repeated.
struct ResolvedOption {
    std::string key;
    std::vector<OptionValue> values;
    bool operator==(const ResolvedOption&) const = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
        archive& key& values;
    }
};

/// A key with what each source gives it, that of the highest precedence first; a source may give nothing.
struct LayeredOption {
    std::string key;
    std::vector<std::vector<OptionValue>> by_source;
};

/// Every key of the table with its value and origin, each value checked by itself (spelling, range).
/// A plain value, which ranks compare: see same_start.h.
class ResolvedOptions {
  public:
    ResolvedOptions() = default;
    ResolvedOptions(std::string config_name, std::vector<ResolvedOption> options, std::string dropped = "")
        : config_name_(std::move(config_name)), options_(std::move(options)), dropped_(std::move(dropped)) {}

    /// The configuration file's name without folder and extension: "mnist".
    [[nodiscard]] const std::string& config_name() const { return config_name_; }
    /// All keys in the table's order.
    [[nodiscard]] const std::vector<ResolvedOption>& all() const { return options_; }
    /// Which given keys were dropped, as a choice of a higher source does not read them; "" for none.
    [[nodiscard]] const std::string& dropped() const { return dropped_; }
    /// Requires that `key` is in the table (an internal error otherwise).
    [[nodiscard]] const ResolvedOption& at(std::string_view key) const;
    /// The text of a key that is not repeated; "" where it has no default and was not given.
    [[nodiscard]] const std::string& text(std::string_view key) const;
    /// True where the user gave the key, so that its value is not the default.
    [[nodiscard]] bool given(std::string_view key) const;
    /// "xor.ini:7: optimizer.momentum = 0.9", the start of a message about a key's value.
    [[nodiscard]] std::string place(std::string_view key) const;

    bool operator==(const ResolvedOptions&) const = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
        archive& config_name_& options_& dropped_;
    }

  private:
    std::string config_name_;
    std::vector<ResolvedOption> options_;
    std::string dropped_;
};

/// What the settings are resolved from.
struct OptionSources {
    std::filesystem::path config_file;                       ///< empty: no file
    std::vector<std::pair<std::string, std::string>> flags;  ///< key and value, as given, without "--"
    std::vector<std::string> environment;                    ///< "NAME=value" of the whole environment
    std::vector<std::pair<std::string, OptionValue>> base =
        {};  ///< before the defaults, where nothing else
             ///< gives the key: what a model says of itself
};

/// Resolves and checks each value by itself, and drops what a choice of a higher source does not read
/// (config.h, settle). Throws ConfigError naming key, file and line (or flag, or variable), the rule, and the
/// nearest valid spelling. Not collective: reads the file here.
ResolvedOptions resolve_options(const OptionSources& sources);

/// The options with the flags' values in place of theirs, without what the flags' choices do not read. Throws
/// ConfigError as resolve_options.
ResolvedOptions with_flags(const ResolvedOptions& options,
                           const std::vector<std::pair<std::string, std::string>>& flags);

/// The environment of this process as "NAME=value".
std::vector<std::string> process_environment();

/// As bytes, to be sent to the other ranks, and back (Boost.Serialization).
std::string to_bytes(const ResolvedOptions& options);
ResolvedOptions options_from_bytes(const std::string& bytes);

}  // namespace lockstep
