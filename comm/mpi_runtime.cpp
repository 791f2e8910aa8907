// MPI_Init_thread, MPI_Finalize and MPI_Abort.
#include "comm/mpi_runtime.h"

#include <mpi.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <system_error>

#include "comm/mpi_error.h"

namespace lockstep {

namespace {

/// In a container of its own a rank is process 1, as others of its host are in theirs. Open MPI's messages
/// through shared memory go astray then (Communicator::split_by_memory says why), so they take the network. A
/// choice that the user has made stays.
void keep_apart_in_containers() {
    const char* neighbours = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const bool has_neighbours = neighbours != nullptr && std::string_view(neighbours) != "1";
    constexpr int kKeep = 0;
    if (has_neighbours && getpid() == 1) setenv("OMPI_MCA_btl", "^vader", kKeep);
}

/// Open MPI ends a process that it cannot start by itself, in words that hide what a user can change; so what
/// it needs is looked at before. The first rank speaks.
void warn_of_what_is_missing() {
    const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
    if (rank != nullptr && std::string_view(rank) != "0") return;
    const char* temporary = std::getenv("TMPDIR");
    std::error_code ignored;
    if (temporary != nullptr && std::filesystem::exists(temporary, ignored) &&
        (!std::filesystem::is_directory(temporary, ignored) || access(temporary, W_OK | X_OK) != 0)) {
        std::fprintf(stderr,
                     "lockstep: TMPDIR=%s is no folder that can be written, without which MPI may not start; "
                     "set it to one, as in TMPDIR=/tmp\n",
                     temporary);
    }
    if (rank == nullptr && std::getenv("PATH") == nullptr) {
        std::fprintf(stderr,
                     "lockstep: PATH is not set, without which MPI may not find its own programs; set it\n");
    }
}

}  // namespace

MpiRuntime::MpiRuntime(int& argc, char**& argv) : exceptions_at_start_(std::uncaught_exceptions()) {
    warn_of_what_is_missing();
    keep_apart_in_containers();
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        throw MpiError("MPI_Init_thread", "MPI_Init_thread failed: MPI did not start on this process");
    }
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    if (provided < MPI_THREAD_FUNNELED) {
        throw MpiError(
            "MPI_Init_thread",
            "MPI_Init_thread offers MPI_THREAD_SINGLE only, but the kernels use threads: use an MPI "
            "library built with at least MPI_THREAD_FUNNELED");
    }
}

MpiRuntime::~MpiRuntime() {
    // Ranks that have not met the error may be waiting for this one in a collective call, so finalising could
    // hang.
    if (std::uncaught_exceptions() > exceptions_at_start_ || !is_up()) return;
    MPI_Finalize();
}

bool MpiRuntime::is_up() noexcept {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    return initialized != 0 && finalized == 0;
}

std::string MpiRuntime::library_version() {
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return "unknown MPI library";
    const std::string version(text.data(), static_cast<std::size_t>(length));
    // MPICH's goes on for a page: the configuration and the compilers.
    return version.substr(0, version.find_first_of(std::string_view("\n\0", 2)));
}

void abort_job(ExitCode code) noexcept {
    std::cout.flush();
    std::fflush(nullptr);
    if (MpiRuntime::is_up()) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
    std::_Exit(static_cast<int>(code));
}

}  // namespace lockstep
