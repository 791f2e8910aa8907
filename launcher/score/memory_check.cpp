#include "launcher/score/memory_check.h"

#include <fmt/format.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/network/objective.h"

namespace lockstep {

namespace {

void refuse(const std::string& place, const char* what, double bytes, std::size_t machine) {
    throw ConfigError(
        fmt::format("{}: {} would take {:.3g} GiB on each rank, but this machine has {:.3g} GiB of "
                    "memory; choose less, or a larger machine",
                    place, what, bytes / 0x1p30, static_cast<double>(machine) / 0x1p30));
}

}  // namespace

std::size_t machine_memory_bytes() {
    struct sysinfo info {};
    if (sysinfo(&info) != 0) return std::numeric_limits<std::size_t>::max();
    return (std::size_t{info.totalram} + info.totalswap) * info.mem_unit;
}

void check_drawn_samples(const DataOptions& data, const ResolvedOptions& options, std::size_t ranks) {
    // Only samples that are drawn can be more than a file holds.
    if (!source_reads(data.source, "seed")) return;
    const std::size_t machine = machine_memory_bytes();
    const auto limit = static_cast<double>(machine);
    const double order = static_cast<double>(data.train_samples) * sizeof(std::uint64_t);
    if (order > limit)
        refuse(options.place("data.train_samples"), "the order of the training samples", order, machine);
    const double scores =
        static_cast<double>(data.test_samples) / static_cast<double>(ranks) * sizeof(SampleMetrics);
    if (scores > limit)
        refuse(options.place("data.test_samples"), "the scores of the test samples", scores, machine);
}

void check_memory(const ResolvedOptions& options, std::size_t activation_bytes, std::size_t all_bytes) {
    const std::size_t machine = machine_memory_bytes();
    const auto limit = static_cast<double>(machine);
    const auto activations = static_cast<double>(activation_bytes);
    const auto all = static_cast<double>(all_bytes);
    if (all <= limit) return;
    if (activations > all / 2)
        refuse(options.place("training.global_batch"), "a rank's share of the batch", activations, machine);
    refuse(options.place("network.layer"), "the network with its gradients and the optimizer", all, machine);
}

}  // namespace lockstep
