// The launcher mismatch trap, with an environment of our own.
#include "comm/launch_check.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>

#include "core/base/error.h"

namespace lockstep {
namespace {

using Variables = std::map<std::string, std::string>;

std::optional<std::string> complaint(const Variables& variables, std::size_t mpi_size) {
    try {
        check_launch(
            [&](const char* name) -> const char* {
                const auto found = variables.find(name);
                return found == variables.end() ? nullptr : found->second.c_str();
            },
            mpi_size);
        return std::nullopt;
    } catch (const ConfigError& error) {
        return error.what();
    }
}

bool holds(const std::optional<std::string>& text, const std::string& part) {
    return text && text->find(part) != std::string::npos;
}

TEST_CASE("launch check: alone, and under a launcher that agrees, all is well") {
    CHECK_FALSE(complaint({}, 1));
    CHECK_FALSE(complaint({{"OMPI_COMM_WORLD_SIZE", "4"}}, 4));
    CHECK_FALSE(complaint({{"PMI_SIZE", "4"}}, 4));
    CHECK_FALSE(complaint({{"SLURM_STEP_NUM_TASKS", "4"}}, 4));
}

TEST_CASE(
    "launch check: copies that each believe to be alone are stopped, with variable, numbers and remedy") {
    const auto open_mpi = complaint({{"OMPI_COMM_WORLD_SIZE", "4"}}, 1);
    CHECK(holds(open_mpi, "one of 4 processes (OMPI_COMM_WORLD_SIZE=4)"));
    CHECK(holds(open_mpi, "MPI_Comm_size says 1"));
    CHECK(holds(open_mpi, "use the mpirun of that library"));
    const auto hydra = complaint({{"PMI_SIZE", "2"}}, 1);
    CHECK(holds(hydra, "PMI_SIZE=2"));
    CHECK(holds(hydra, "use the mpirun of that library"));
    const auto slurm = complaint({{"SLURM_STEP_NUM_TASKS", "8"}}, 1);
    CHECK(holds(slurm, "SLURM_STEP_NUM_TASKS=8"));
    CHECK(holds(slurm, "srun --mpi=pmix"));
}

TEST_CASE("launch check: mpirun inside a Slurm step decides over the step's own count") {
    CHECK_FALSE(complaint({{"OMPI_COMM_WORLD_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}, 8));
    CHECK_FALSE(complaint({{"PMI_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}, 8));
    CHECK(holds(complaint({{"OMPI_COMM_WORLD_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}, 2),
                "OMPI_COMM_WORLD_SIZE=8"));
}

TEST_CASE(
    "launch check: a batch script or an interactive step of one task that starts the program is no alarm") {
    CHECK_FALSE(complaint({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "16"}, {"SLURM_NPROCS", "16"}}, 1));
    CHECK_FALSE(complaint({{"SLURM_NTASKS", "16"}, {"SLURM_STEP_NUM_TASKS", "1"}}, 1));
    CHECK_FALSE(complaint({{"SLURM_STEP_NUM_TASKS", "1"}}, 4));
}

TEST_CASE("launch check: a value that is no number says nothing") {
    for (const char* odd : {"", "two", "4x", "-1"})
        CHECK_FALSE(complaint({{"OMPI_COMM_WORLD_SIZE", odd}}, 1));
    CHECK(holds(complaint({{"OMPI_COMM_WORLD_SIZE", ""}, {"PMI_SIZE", "3"}}, 1), "PMI_SIZE=3"));
}

}  // namespace
}  // namespace lockstep
