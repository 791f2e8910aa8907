// What a run says of itself at its start: where, on what and with what it trains.
#pragma once

#include <sched.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/data/batch_plan.h"
#include "core/data/open_data.h"
#include "core/network/network_spec.h"
#include "launcher/options/config.h"
#include "launcher/run/progress.h"

namespace lockstep {

/// What a rank computes with. Trivially copyable: ranks exchange it.
struct RankMachine {
    std::size_t threads = 1;
    std::size_t cpus = 1;  ///< to which it is bound
    InstructionSet instructions{};
    cpu_set_t bound{};  ///< these CPUs; none where there are more than a set holds
};
RankMachine this_machine(std::size_t threads);

struct RunTitle {
    const Config& config;
    const NetworkSpec& network;
    const DataSets& data;
    const BatchPlan* plan = nullptr;  ///< null: of several networks, each of which has its own
    std::size_t parameters = 0;       ///< 0: the same
    std::string dir;                  ///< the run's directory
};

/// Its lines. `machines` and `hosts`: of each rank.
std::vector<std::string> banner(const RunTitle& run, std::span<const RankMachine> machines,
                                std::span<const std::string> hosts);

/// Rank 0 prints the banner, and what is to be said of the ranks' threads. Collective.
void introduce(const Communicator& comm, const RunTitle& run, Progress& progress);

/// What to tell a user of whose ranks those of some host have more threads together than CPUs, although none
/// has by itself (crowded_threads_advice); "" where there is no such host.
std::string crowded_host_advice(std::span<const RankMachine> machines, std::span<const std::string> hosts);

}  // namespace lockstep
