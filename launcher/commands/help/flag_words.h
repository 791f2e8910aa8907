// What there is to say of a flag or a key, whoever prints it: help, man page or completion.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "launcher/commands/command_line.h"
#include "launcher/options/options_table.h"

namespace lockstep {

/// One flag as it is listed.
struct FlagWords {
    std::string name;   ///< "--optimizer.momentum"
    std::string value;  ///< "NUMBER"; empty for a switch
    std::string text;   ///< what it is for, its rule and its default
};

FlagWords words_of(const OwnFlag& flag);
FlagWords words_of(const OptionSpec& spec);

/// The part of a key in front of its point.
std::string_view section_of(const OptionSpec& spec);

/// Whether the flags of the subcommand include the keys of a configuration.
bool takes_keys(const Subcommand& subcommand);

/// Whether the key is one of those that most users of the subcommand need: its help lists them alone.
bool is_common(const OptionSpec& spec, const Subcommand& subcommand);

/// Those that are common to some subcommand.
std::vector<std::string_view> common_keys();

/// The words of what `Subcommand::arguments` or `OwnFlag::value` lists by |, as "average|vote"; none where it
/// is a name for what is to be given, as FILE or N|NAMES.
std::vector<std::string_view> listed_values(std::string_view value);

/// The values that can be listed of a key: choices, and the words that a number may be instead.
std::vector<std::string_view> listed_values(const OptionSpec& spec);

/// An exit code, and what it means.
struct ExitWords {
    ExitCode code;
    std::string_view meaning;
};
std::span<const ExitWords> exit_words();

}  // namespace lockstep
