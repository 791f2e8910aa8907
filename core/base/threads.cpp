// The OpenMP threads of the kernels, and the control register of each.
#include "core/base/threads.h"

#include <omp.h>
#include <sched.h>
#include <xmmintrin.h>

#include <string>

#include "core/base/error.h"

namespace lockstep {

namespace {

int threads = 1;

// MXCSR: flush to zero (bit 15), denormals are zero (bit 6), every exception masked (bits 7 to 12), round to
// nearest.
constexpr unsigned kContractMxcsr = 0x9FC0;

}  // namespace

void set_thread_count(int count) {
    if (count < 1) {
        throw ConfigError("thread count " + std::to_string(count) + ": must be at least 1.");
    }
    threads = count;
}

int thread_count() { return threads; }

int cpus_allowed() {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return omp_get_num_procs();
    return CPU_COUNT(&cpus);
}

ContractFloatMode::ContractFloatMode() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kContractMxcsr); }

ContractFloatMode::~ContractFloatMode() { _mm_setcsr(saved_); }

void run_parts(int parts, void (*work)(void* context, int part), void* context) {
    if (parts == 1) {
        work(context, 0);
        return;
    }
    // The pool may hold fewer threads than asked for (a thread limit), so the parts are dealt, not assumed.
#pragma omp parallel for schedule(static, 1) num_threads(parts)
    for (int part = 0; part < parts; ++part) {
        const ContractFloatMode mode;
        work(context, part);
    }
}

}  // namespace lockstep
