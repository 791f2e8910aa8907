// What the process manager says of this process before MPI is up: which of how many it is.
//
// A rank variable alone says little: a shell within srun or mpirun hands it down to every program that it
// starts, and a batch script has one too. What is trusted is in launch_environment.cpp.
#pragma once

#include <sys/types.h>
#include <cstddef>

#include <string>

namespace lockstep {

/// Processes of the job as the launcher's variables have it (Open MPI, PMI, Slurm step), where MPI could find
/// the others by what the launcher left beside them; 1 without a launcher, and where the variables are all
/// that is there.
std::size_t launched_processes();
/// This one's number among them, from 0.
std::size_t launched_rank();
/// True where the launcher made this very process one of several ranks, so that the others may wait for it in
/// MPI_Init. False for what a script started within a rank: it inherits the variables, but the rank may start
/// many programs one after the other, of which MPI takes one.
bool is_one_of_several();
/// Whether that process starts ranks: mpirun on its own host, one of its agents on others, or Slurm's.
bool is_launcher(pid_t process);
/// This machine's name.
std::string host_name();

}  // namespace lockstep
