// MPI's return codes as one typed exception.
#pragma once

#include <mpi.h>

#include <string>

#include "core/base/error.h"

namespace lockstep {

/// An MPI call failed. The message names the call, this rank, and MPI's own words. Exit code 1.
class MpiError : public Error {
  public:
    MpiError(std::string call, const std::string& message)
        : Error(ExitCode::kInternal, message), call_(std::move(call)) {}
    /// The MPI function that failed, as "MPI_Isend".
    [[nodiscard]] const std::string& call() const noexcept { return call_; }

  private:
    std::string call_;
};

/// Throws the MpiError of `code`; the rank named is that in `comm`. Requires code != MPI_SUCCESS.
[[noreturn]] void throw_mpi_error(int code, const char* call, MPI_Comm comm);

/// Throws MpiError unless `code` is MPI_SUCCESS. Only reached where the communicator's error handler is
/// MPI_ERRORS_RETURN: MpiRuntime and Communicator set it.
inline void check_mpi(int code, const char* call, MPI_Comm comm = MPI_COMM_WORLD) {
    if (code != MPI_SUCCESS) throw_mpi_error(code, call, comm);
}

}  // namespace lockstep
