// The launcher mismatch trap: P copies that each believe to be alone.
//
// An mpirun of another MPI library than the one linked, or srun without the right --mpi, starts P processes
// that MPI_Init turns into P jobs of one rank. Every one of them would train the whole run and write the same
// files.
#pragma once

#include <cstddef>
#include <functional>

namespace lockstep {

/// An environment variable's value by name, or nullptr: std::getenv in the program, a table in tests.
using Environment = std::function<const char*(const char*)>;

/// Throws ConfigError if the launcher's variables say another number of processes than `mpi_size`,
/// MPI_Comm_size of MPI_COMM_WORLD. The message names the variable, both numbers and the remedy. Call it
/// before anything is written. Local: every copy finds out by itself, since they cannot communicate.
///
/// The first of these that is set to a number decides, the innermost launcher first:
///   OMPI_COMM_WORLD_SIZE   Open MPI's mpirun
///   PMI_SIZE               Hydra (MPICH, Intel MPI), srun --mpi=pmi2
///   SLURM_STEP_NUM_TASKS   srun, of its step, if greater than 1. A batch script's own step has
///                          SLURM_NTASKS, the size of the allocation, instead, which says nothing about how
///                          the program was started and is not read; an interactive shell of salloc is a
///                          step of 1 task.
void check_launch(const Environment& environment, std::size_t mpi_size);

}  // namespace lockstep
