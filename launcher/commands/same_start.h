// What the ranks were started with, compared before any of them does anything: the program, the command line,
// and the settings as each of them resolves them.
#pragma once

#include <string>

#include "comm/communicator.h"
#include "launcher/commands/command_line.h"

namespace lockstep {

/// Throws CollectiveError (exit code 2) where ranks run another version, subcommand, or flags of their own.
/// Collective.
void check_same_command(const Communicator& comm, const CommandLine& line);

/// Throws CollectiveError (exit code 2) where ranks would compute other numbers of the same: by their
/// arithmetic_policy_digest. Collective.
void check_same_arithmetic(const Communicator& comm);

/// The options of the subcommands that take CONFIG, as this rank resolves and checks them by its own file,
/// variables and flags. Throws CollectiveError (exit code 2) for what any rank cannot resolve, and where
/// ranks resolve a key to other values, which it names. Files of other names are fine where all keys are
/// equal. Where rank 0's file is a stream, which no other rank has, the others take its options, and flags
/// and variables are compared. Collective.
ResolvedOptions same_options(const Communicator& comm, const CommandLine& line);

/// All that decides what a subcommand without ranks prints here, as one text: arguments, variables and
/// folder.
std::string start_text(const std::vector<std::string>& arguments);

}  // namespace lockstep
