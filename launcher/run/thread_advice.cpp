#include "launcher/run/thread_advice.h"

#include <fmt/format.h>

#include "core/base/threads.h"

namespace lockstep {

std::string crowded_threads_advice(std::size_t threads) {
    const auto cpus = static_cast<std::size_t>(cpus_allowed());
    if (threads > cpus) {
        return fmt::format(
            "{} threads share {} CPU{}, to which this rank is bound, and wait for each other; bind it to "
            "more "
            "(mpirun --map-by slot:PE={} or --bind-to none, srun --cpus-per-task={}), or use {} thread{}",
            threads, cpus, cpus == 1 ? "" : "s", threads, threads, cpus, cpus == 1 ? "" : "s");
    }
    const auto limit = static_cast<std::size_t>(thread_limit());
    if (threads <= limit) return "";
    return fmt::format("OMP_THREAD_LIMIT={} leaves {} of the {} threads; unset it, or use fewer threads",
                       limit, limit, threads);
}

}  // namespace lockstep
