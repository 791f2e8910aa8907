// What each launcher promises in the environment, against MPI's own count.
#include "comm/launch_check.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "core/base/error.h"

namespace lockstep {

namespace {

struct LauncherVariable {
    const char* name;
    /// Smaller values say nothing about how this process was started.
    std::size_t least;
    const char* remedy;
};

constexpr LauncherVariable kLauncherVariables[] = {
    {"OMPI_COMM_WORLD_SIZE", 1,
     "Open MPI's mpirun started a program that is linked with another MPI library: use the mpirun of that "
     "library"},
    {"PMI_SIZE", 1,
     "mpiexec of MPICH or Intel MPI, or srun --mpi=pmi2, started a program that is linked with another MPI "
     "library: "
     "use the mpirun of that library, or srun --mpi=pmix for Open MPI"},
    {"SLURM_STEP_NUM_TASKS", 2,
     "srun started the copies without the interface that this MPI library speaks: use srun --mpi=pmix (Open "
     "MPI), "
     "srun --mpi=pmi2 (MPICH, Intel MPI), or mpirun inside the allocation"},
};

std::optional<std::size_t> number(const char* text) {
    if (text == nullptr) return std::nullopt;
    const std::string_view digits(text);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

}  // namespace

void check_launch(const Environment& environment, std::size_t mpi_size) {
    for (const LauncherVariable& variable : kLauncherVariables) {
        const std::optional<std::size_t> promised = number(environment(variable.name));
        if (!promised || *promised < variable.least) continue;
        if (*promised == mpi_size) return;
        throw ConfigError(fmt::format(
            "the launcher says that this is one of {} processes ({}={}), but MPI_Comm_size says {}: each "
            "group would train the whole run and write the same files. {}. Where every process is meant to "
            "be a "
            "run of its own, as in a sweep, or the variable is left over from another program, take it away: "
            "env -u {} lockstep ...",
            *promised, variable.name, *promised, mpi_size, variable.remedy, variable.name));
    }
}

}  // namespace lockstep
