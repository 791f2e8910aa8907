// `lockstep eval` of a configuration with network.digraph.
#pragma once

#include "comm/communicator.h"
#include "launcher/commands/commands.h"

namespace lockstep {

/// Runs the digraph on every sample of the chosen set and prints outputs, steps and how each ended. Every
/// rank runs all samples, which are few, and the first one prints. Collective.
int eval_digraph(Communicator& comm, const CommandInput& input);

}  // namespace lockstep
