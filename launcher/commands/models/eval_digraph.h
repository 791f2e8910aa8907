// `lockstep eval` of a configuration with network.digraph.
#pragma once

#include "comm/communicator.h"
#include "launcher/commands/commands.h"

namespace lockstep {

/// Runs the digraph on every sample of the table and prints outputs, steps, how each ended, and whether it
/// met the targets >0 and <=0. The first rank does, since the samples are few. Collective.
int eval_digraph(Communicator& comm, const CommandInput& input);

}  // namespace lockstep
