// A set of started non-blocking transfers.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <vector>

namespace lockstep {

/// Requests in flight, completed together. The storage is kept, so a set that is used again does not
/// allocate. Must be waited for before the buffers of its transfers go away; only a job that is being aborted
/// may not.
class Requests {
  public:
    explicit Requests(MPI_Comm comm) : comm_(comm) {}

    /// A place for one more request, for MPI_Isend and its like to fill.
    [[nodiscard]] MPI_Request* next();
    [[nodiscard]] bool empty() const { return requests_.empty(); }
    /// True once all are complete; the set is then empty. Lets MPI make progress. Throws MpiError.
    bool test_all();
    /// Returns when all are complete; the set is then empty. Throws MpiError.
    void wait_all();

  private:
    void check(int code, const char* call);

    MPI_Comm comm_;
    std::vector<MPI_Request> requests_;
    std::vector<MPI_Status> statuses_;
};

}  // namespace lockstep
