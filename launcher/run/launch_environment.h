// What the process manager says of this process before MPI is up: which of how many it is.
#pragma once

#include <cstddef>
#include <string>

namespace lockstep {

/// Processes of the job as the launcher's variables have it (Open MPI, PMI, Slurm step); 1 without a
/// launcher.
std::size_t launched_processes();
/// This one's number among them, from 0.
std::size_t launched_rank();
/// This machine's name.
std::string host_name();

}  // namespace lockstep
