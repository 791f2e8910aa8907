// `lockstep bench machine`: measures what a forecast needs, and writes it down.
#pragma once

#include <filesystem>

#include "comm/communicator.h"
#include "launcher/bench/bench.h"

namespace lockstep {

/// Steps of several networks on every rank by itself, all at once; sums over the ranks of a host; and where
/// there are several hosts, messages, sums and steps over one rank of each. Rank 0 prints, and writes `out`
/// unless it is empty. Throws ConfigError through agree. Collective.
void bench_machine(const Communicator& comm, const BenchInput& input, const std::filesystem::path& out,
                   bool json);

}  // namespace lockstep
