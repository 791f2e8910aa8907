// The threads a rank computes with, and the floating-point mode each of them needs.
#pragma once

#include <cstddef>
#include <type_traits>

#include "core/base/integers.h"

namespace lockstep {

/// Sets how many OpenMP threads the kernels share their tiles among. Until it is called there is one.
/// Requires count > 0; throws ConfigError otherwise.
void set_thread_count(int count);
int thread_count();

/// Throws Error where this process cannot start so many threads, of which the OpenMP library would say
/// nothing but its own last words. Cost: tens of microseconds a thread.
void check_threads_start(int count);

/// CPUs this process may run on (its affinity mask).
int cpus_allowed();

/// OpenMP threads this process may have at once (OMP_THREAD_LIMIT).
int thread_limit();

/// FTZ, DAZ and round-to-nearest for the calling thread, for as long as the object lives.
class ContractFloatMode {
  public:
    ContractFloatMode() noexcept;
    ~ContractFloatMode();
    ContractFloatMode(const ContractFloatMode&) = delete;
    ContractFloatMode& operator=(const ContractFloatMode&) = delete;

  private:
    unsigned saved_;
};

/// work(context, part) for every part in [0, parts), each on its own thread of the pool and in the contract's
/// floating-point mode. One part runs on the calling thread, without a parallel region. If parts throw, all
/// others are still done, and the exception of the lowest one is thrown on.
void run_parts(int parts, void (*work)(void* context, int part), void* context);

/// The same for a callable `work(part)`; allocates nothing.
template <class Work>
void run_parts(int parts, Work&& work) {
    using Callable = std::remove_reference_t<Work>;
    run_parts(
        parts, [](void* context, int part) { (*static_cast<Callable*>(context))(part); },
        const_cast<std::remove_const_t<Callable>*>(&work));
}

/// Values of a cheap operation per thread below which waking a thread costs more than it brings.
inline constexpr std::size_t kValuesPerThread = std::size_t{1} << 15;

/// work(begin, end) over disjoint ranges that cover [0, count), one a thread; no range but the last is
/// shorter than `grain`, below which a thread costs more than it brings. Begins are multiples of `align`.
template <class Work>
void share_range(std::size_t count, std::size_t grain, std::size_t align, Work&& work) {
    const std::size_t wanted = grain == 0 ? count : count / grain;
    const std::size_t threads = static_cast<std::size_t>(thread_count());
    const std::size_t parts = wanted < 1 ? 1 : (wanted < threads ? wanted : threads);
    if (parts == 1) {
        if (count > 0) work(std::size_t{0}, count);
        return;
    }
    const std::size_t units = ceil_divide(count, align);
    run_parts(static_cast<int>(parts), [&](int part) {
        const std::size_t p = static_cast<std::size_t>(part);
        const std::size_t begin = units * p / parts * align;
        const std::size_t end = p + 1 == parts ? count : units * (p + 1) / parts * align;
        if (begin < end) work(begin, end);
    });
}

}  // namespace lockstep
