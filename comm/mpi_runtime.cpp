// MPI_Init_thread, MPI_Finalize and MPI_Abort.
#include "comm/mpi_runtime.h"

#include <mpi.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "comm/mpi_error.h"

namespace lockstep {

MpiRuntime::MpiRuntime(int& argc, char**& argv) : exceptions_at_start_(std::uncaught_exceptions()) {
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
