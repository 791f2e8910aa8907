// The OpenMP threads of the kernels, and the control register of each.
#include "core/base/threads.h"

#include <omp.h>
#include <sched.h>
#include <xmmintrin.h>

#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

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

void check_threads_start(int count) {
    // They wait for each other, so that all are there at once.
    std::atomic<bool> over = false;
    std::vector<std::thread> trial;
    std::string fault;
    try {
        trial.reserve(static_cast<std::size_t>(count));
        for (int i = 1; i < count; ++i) trial.emplace_back([&] { over.wait(false); });
    } catch (const std::exception& error) {
        fault = error.what();
    }
    over = true;
    over.notify_all();
    const std::size_t started = trial.size() + 1;
    for (std::thread& thread : trial) thread.join();
    if (fault.empty()) return;
    throw Error(ExitCode::kInternal,
                "only " + std::to_string(started) + " of " + std::to_string(count) + " threads start (" +
                    fault +
                    "); use fewer threads, or raise the limits on memory and processes (ulimit -v, -u)");
}

int cpus_allowed() {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return omp_get_num_procs();
    return CPU_COUNT(&cpus);
}

int thread_limit() { return omp_get_thread_limit(); }

ContractFloatMode::ContractFloatMode() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kContractMxcsr); }

ContractFloatMode::~ContractFloatMode() { _mm_setcsr(saved_); }

void run_parts(int parts, void (*work)(void* context, int part), void* context) {
    if (parts == 1) {
        work(context, 0);
        return;
    }
    // An exception must not leave the region: it would end the process. The lowest part's is thrown behind
    // it.
    std::exception_ptr error;
    int failed = parts;
    // The pool may hold fewer threads than asked for (a thread limit), so the parts are dealt, not assumed.
#pragma omp parallel for schedule(static, 1) num_threads(parts)
    for (int part = 0; part < parts; ++part) {
        const ContractFloatMode mode;
        try {
            work(context, part);
        } catch (...) {
#pragma omp critical(lockstep_run_parts)
            if (part < failed) {
                failed = part;
                error = std::current_exception();
            }
        }
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace lockstep
