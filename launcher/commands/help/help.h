// The help texts, the man page and the completion, made from the tables of subcommands and keys.
#pragma once

#include <cstddef>
#include <ctime>
#include <string>

#include "launcher/commands/command_line.h"

namespace lockstep {

/// The text of `lockstep --help`, in lines of up to `columns` characters.
std::string help_text(std::size_t columns);

/// The text of `lockstep SUBCOMMAND --help`: its own flags, and its common keys with their help and defaults;
/// with `all`, every key.
std::string help_text(const Subcommand& subcommand, std::size_t columns, bool all);

/// The text of `lockstep --help-all`: the subcommands, the flags of each, and every key once.
std::string whole_help_text(std::size_t columns);

/// The manual page lockstep(1), in the language of man(7), as of `date`, in UTC.
std::string man_page(std::time_t date);

/// A script that bash sources: subcommands, their flags, keys and values, files.
std::string bash_completion();

/// What the command line asks the program about itself: a help text, the version, the page or the script.
std::string answer_text(const CommandLine& line);

}  // namespace lockstep
