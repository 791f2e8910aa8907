// MPI's life in the process: initialised once, finalised on the way out, aborted when an error escapes.
#pragma once

#include <string>

#include "core/base/error.h"

namespace lockstep {

/// MPI from construction to destruction. One per process, made in main before anything that communicates.
///
/// The thread level is MPI_THREAD_FUNNELED: only the thread that made this object calls MPI. World's errors
/// are returned, not fatal, so that they reach main as MpiError. The destructor finalises (collective),
/// unless an exception is escaping: the other ranks may then never reach MPI_Finalize, and main must call
/// abort_job.
///
/// While it lives, no file of shared memory has a name that could outlive a job that is killed, and a rank
/// whose shared memory goes away says so and ends with kInternal in place of a SIGBUS.
class MpiRuntime {
  public:
    /// Collective. Throws MpiError if MPI does not start, or offers less than MPI_THREAD_FUNNELED, and Error
    /// where there is too little memory to try.
    MpiRuntime(int& argc, char**& argv);
    ~MpiRuntime();
    MpiRuntime(const MpiRuntime&) = delete;
    MpiRuntime& operator=(const MpiRuntime&) = delete;

    /// True between MPI_Init_thread and MPI_Finalize, whoever called them.
    [[nodiscard]] static bool is_up() noexcept;
    /// The MPI library's own name and version, on one line. Works before and after MPI's life too.
    [[nodiscard]] static std::string library_version();

  private:
    int exceptions_at_start_;
    std::string segment_;  // Open MPI's file of this rank's shared memory, whose name is taken away
};

/// Ends the whole job, on every rank, with `code`: flushes this process's streams, then MPI_Abort where MPI
/// is up, else leaves the process at once. For an error that other ranks may not know of; not collective.
[[noreturn]] void abort_job(ExitCode code) noexcept;

}  // namespace lockstep
