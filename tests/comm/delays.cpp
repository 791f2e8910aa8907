// MPI calls that may sleep before they do their work; the real ones are under the names PMPI_*.
#include "delays.h"

#include <mpi.h>

#include <chrono>
#include <thread>

#include "core/base/philox.h"

namespace {

bool active = false;
std::uint32_t seed_in_use = 0;
std::uint32_t calls = 0;
std::uint32_t sleeps = 0;

}  // namespace

namespace lockstep::test {

Delays::Delays(std::uint32_t seed) {
    active = true;
    seed_in_use = seed;
    calls = 0;
    sleeps = 0;
}
Delays::~Delays() { active = false; }
void Delays::maybe_sleep() {
    if (!active) return;
    const PhiloxCounter words = philox4x32({++calls, seed_in_use, 0, 0}, {3, 4});
    if (words[0] % 8 != 0) return;
    ++sleeps;
    std::this_thread::sleep_for(std::chrono::microseconds(words[1] % 1000));
}
std::uint32_t Delays::count() { return sleeps; }

}  // namespace lockstep::test

using lockstep::test::Delays;

extern "C" {

int MPI_Isend(const void* values, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request* request) {
    Delays::maybe_sleep();
    return PMPI_Isend(values, count, type, to, tag, comm, request);
}

int MPI_Irecv(void* values, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
              MPI_Request* request) {
    Delays::maybe_sleep();
    return PMPI_Irecv(values, count, type, from, tag, comm, request);
}

int MPI_Iprobe(int from, int tag, MPI_Comm comm, int* found, MPI_Status* status) {
    Delays::maybe_sleep();
    return PMPI_Iprobe(from, tag, comm, found, status);
}

int MPI_Testall(int count, MPI_Request* requests, int* complete, MPI_Status* statuses) {
    Delays::maybe_sleep();
    return PMPI_Testall(count, requests, complete, statuses);
}

int MPI_Wait(MPI_Request* request, MPI_Status* status) {
    Delays::maybe_sleep();
    return PMPI_Wait(request, status);
}

int MPI_Allreduce(const void* values, void* result, int count, MPI_Datatype type, MPI_Op operation,
                  MPI_Comm comm) {
    Delays::maybe_sleep();
    return PMPI_Allreduce(values, result, count, type, operation, comm);
}

}  // extern "C"
