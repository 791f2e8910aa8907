// Starts programs and waits for them, without a shell in between.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

/// This very program's file.
std::filesystem::path own_program();

/// The process's environment without what a launcher (Open MPI, PMI, PMIx, a Slurm step) has told this
/// process of its own rank, so that a program started with it can be a job by itself. What the user sets
/// (OMPI_MCA_… outside a job, PATH) and what says of an allocation (SLURM_JOB_ID, …) stays.
std::vector<std::string> environment_outside_ranks();

/// Runs a command, its standard input empty, its output going nowhere, its errors to the file `errors`.
/// Returns its exit code, 128 + n where signal n ended it. SIGINT and SIGTERM are handed on to it meanwhile;
/// once it has ended by that, an Error is thrown. Throws ConfigError where it cannot be started.
int launch(const std::vector<std::string>& command, const std::vector<std::string>& environment,
           const std::filesystem::path& errors);

}  // namespace lockstep
