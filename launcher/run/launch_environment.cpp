#include "launcher/run/launch_environment.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <span>

#include "core/base/number.h"

namespace lockstep {

namespace {

/// The first of the variables that is set to a number.
std::size_t first_number(std::span<const char* const> variables, std::size_t otherwise) {
    for (const char* variable : variables) {
        const char* text = std::getenv(variable);
        if (text == nullptr) continue;
        if (const auto number = parse_number<std::size_t>(text)) return *number;
    }
    return otherwise;
}

}  // namespace

// The same launchers, in the same order, as comm/launch_check.h.
std::size_t launched_processes() {
    constexpr std::array kSizes{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    return first_number(kSizes, 1);
}

std::size_t launched_rank() {
    constexpr std::array kRanks{"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"};
    return first_number(kRanks, 0);
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown host";
    return name.data();
}

}  // namespace lockstep
