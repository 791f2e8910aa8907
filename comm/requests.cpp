// MPI_Testall and MPI_Wait over a kept array.
#include "comm/requests.h"

#include "comm/mpi_error.h"

namespace lockstep {

MPI_Request* Requests::next() {
    requests_.push_back(MPI_REQUEST_NULL);
    return &requests_.back();
}

bool Requests::test_all() {
    if (requests_.empty()) return true;
    statuses_.resize(requests_.size());
    int complete = 0;
    check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &complete, statuses_.data()),
          "MPI_Testall");
    if (complete == 0) return false;
    requests_.clear();
    return true;
}

void Requests::wait_all() {
    // One by one, not MPI_Waitall: Open MPI 4.1's spins for ever on a request that has failed before it is
    // called.
    for (MPI_Request& request : requests_)
        check_mpi(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait", comm_);
    requests_.clear();
}

void Requests::check(int code, const char* call) {
    if (code == MPI_ERR_IN_STATUS) {
        for (const MPI_Status& status : statuses_) {
            if (status.MPI_ERROR != MPI_SUCCESS && status.MPI_ERROR != MPI_ERR_PENDING) {
                code = status.MPI_ERROR;
                break;
            }
        }
    }
    check_mpi(code, call, comm_);
}

}  // namespace lockstep
