#include "launcher/train/thread_advice.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "core/base/number.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

// As many as training.threads may be.
constexpr std::size_t kMostThreads = 4096;

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

ThreadVariable read_thread_variable() {
    const char* variable = std::getenv("OMP_NUM_THREADS");
    const std::string_view text = trimmed(variable == nullptr ? "" : variable);
    if (text.empty()) return {};
    ThreadVariable read;
    std::string_view rest = text;
    for (bool first = true; !rest.empty() || first; first = false) {
        const std::size_t comma = rest.find(',');
        const auto number = parse_number<std::size_t>(trimmed(rest.substr(0, comma)));
        const bool ends_in_comma = comma != std::string_view::npos && comma + 1 == rest.size();
        if (!number || *number == 0 || *number > kMostThreads || ends_in_comma) {
            return {1,
                    fmt::format("OMP_NUM_THREADS={} is no number of threads from 1 to {}, nor a list of such "
                                "numbers, so a rank uses one thread; correct it, or set training.threads",
                                text, kMostThreads)};
        }
        if (first) read.threads = *number;
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return read;
}

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
