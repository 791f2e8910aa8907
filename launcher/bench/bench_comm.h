// The table of `lockstep bench comm`: the collectives of training beside MPI's, over message sizes.
#pragma once

#include "comm/communicator.h"

namespace lockstep {

/// Measures from 4 B to 64 MiB a rank, and prints a table on rank 0, or with `json` one JSON object. Before
/// each size is measured, its sum is checked. Returns the exit code, the same on all ranks. Collective; holds
/// some 400 MiB a rank.
int bench_comm(Communicator& comm, bool json);

}  // namespace lockstep
