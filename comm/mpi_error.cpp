// Words for MPI's codes.
#include "comm/mpi_error.h"

#include <fmt/format.h>

#include <array>
#include <string>

namespace lockstep {

namespace {

std::string text_of(int code) {
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS)
        return fmt::format("error code {}", code);
    return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace

void throw_mpi_error(int code, const char* call, MPI_Comm comm) {
    // A communicator whose call has just failed may be no communicator at all: then world knows the rank.
    int rank = -1;
    if (comm == MPI_COMM_NULL || MPI_Comm_rank(comm, &rank) != MPI_SUCCESS) {
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    }
    throw MpiError(call, fmt::format("{} failed on rank {}: {}", call, rank, text_of(code)));
}

}  // namespace lockstep
