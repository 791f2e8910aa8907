// Random delays inside the MPI calls, to try interleavings that a quiet machine never shows.
#pragma once

#include <cstdint>

namespace lockstep::test {

/// While it lives, some of this rank's MPI_Isend, MPI_Irecv, MPI_Iprobe, MPI_Testall, MPI_Wait and
/// MPI_Allreduce calls sleep first, up to a millisecond. It stands between the program and MPI by MPI's
/// profiling interface, so the product knows nothing of it. Give each rank another seed.
class Delays {
  public:
    explicit Delays(std::uint32_t seed);
    ~Delays();
    Delays(const Delays&) = delete;
    Delays& operator=(const Delays&) = delete;

    /// May sleep, as those calls do: for a test's own points between the steps that need no MPI.
    static void maybe_sleep();
    /// Sleeps so far; a test that saw none has tested nothing.
    [[nodiscard]] static std::uint32_t count();
};

}  // namespace lockstep::test
