// Paths as a user writes them: ~ and $NAME, whichever of file, flag and variable they come from.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

/// The value of a variable of the environment, or nothing where it is not set.
using VariableLookup = std::function<std::optional<std::string>(const std::string& name)>;

/// `path` with a leading ~ or ~/ as the home directory, $NAME and ${NAME} as that variable's value, and $$ as
/// one $. No command is run, and what a variable holds is not expanded again. Throws ConfigError, whose text
/// follows the path's place, for a variable that is not set or empty, which would lead to another folder, and
/// for any other form of ~ and $.
std::string expand_path(std::string_view path, const VariableLookup& variable);

/// The variables of this process.
std::optional<std::string> process_variable(const std::string& name);

}  // namespace lockstep
