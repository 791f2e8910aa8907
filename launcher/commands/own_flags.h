// The values of a subcommand's own flags, those that are no keys of the configuration.
#pragma once

#include <string>
#include <string_view>

#include "launcher/commands/commands.h"

namespace lockstep {

/// Sets in `input` what `--name value` of the subcommand says. Throws ConfigError with the flag, the value
/// and what it may be.
void set_own_flag(std::string_view subcommand, CommandInput& input, const std::string& name,
                  const std::string& value);

}  // namespace lockstep
