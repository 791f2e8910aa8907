#include "launcher/run/launch_environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>

#include "core/base/number.h"

namespace lockstep {

namespace {

/// A launcher's variables, and those by which MPI finds the other processes that it started.
struct Launcher {
    const char* size;
    const char* rank;
    std::array<const char*, 2> connections;
};

// The same launchers, in the same order, as comm/launch_check.h.
constexpr std::array kLaunchers{
    Launcher{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", {"PMIX_RANK", "PMIX_NAMESPACE"}},
    Launcher{"PMI_SIZE", "PMI_RANK", {"PMI_FD", "PMI_PORT"}},
    Launcher{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", {"PMIX_RANK", "PMI_FD"}},
};

std::optional<std::size_t> number_of(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? std::nullopt : parse_number<std::size_t>(text);
}

struct Place {
    std::size_t rank = 0;
    std::size_t processes = 1;
};

Place launched_place() {
    for (const Launcher& launcher : kLaunchers) {
        const auto processes = number_of(launcher.size);
        const auto rank = number_of(launcher.rank);
        const bool connected = std::ranges::any_of(
            launcher.connections, [](const char* variable) { return std::getenv(variable) != nullptr; });
        if (processes && rank && connected && *rank < *processes) return {*rank, *processes};
    }
    return {};
}

/// What starts ranks: mpirun on its own host, its agents on others, and Slurm's.
bool is_launcher_name(std::string_view program) {
    constexpr std::array<std::string_view, 14> kPrograms{
        "mpirun",        "mpiexec",        "orterun",         "orted",         "prterun",         "prte",
        "prted",         "mpirun.openmpi", "mpiexec.openmpi", "mpiexec.hydra", "hydra_pmi_proxy", "pmi_proxy",
        "mpiexec.mpich", "slurmstepd"};
    return std::ranges::find(kPrograms, program) != kPrograms.end();
}

}  // namespace

bool is_launcher(pid_t process) {
    std::ifstream file(fmt::format("/proc/{}/comm", process));
    std::string name;
    std::getline(file, name);
    return is_launcher_name(name);
}

std::size_t launched_processes() { return launched_place().processes; }

std::size_t launched_rank() { return launched_place().rank; }

bool is_one_of_several() {
    if (launched_processes() == 1) return false;
    // Open MPI's count of the programs that one mpirun was given, separated by colons.
    const bool has_several_programs = number_of("OMPI_NUM_APP_CTX").value_or(1) > 1;
    return has_several_programs || is_launcher(::getppid());
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown host";
    return name.data();
}

}  // namespace lockstep
