// What a training step is made of on a number of ranks: the counts that a machine's costs are multiplied by.
#pragma once

#include <cstddef>
#include <vector>

#include "comm/gradient_reducer.h"
#include "core/data/batch_plan.h"
#include "core/network/network.h"
#include "launcher/options/config.h"

namespace lockstep {

/// One layer, as a product: of those without parameters `weights` is 0.
struct LayerWork {
    double inputs = 0.0;
    double outputs = 0.0;
    double weights = 0.0;  ///< parameters
    bool delta = false;    ///< the backward pass goes on below it
    std::size_t bucket = 0;
};

/// How ranks lie on hosts: rank r on host r / ranks_per_host.
struct Ranks {
    std::size_t ranks = 1;
    std::size_t per_host = 1;
    [[nodiscard]] std::size_t hosts() const { return (ranks + per_host - 1) / per_host; }
};

struct StepWork {
    Ranks ranks;
    std::size_t at_once = 1;  ///< ranks that compute on one host
    std::vector<LayerWork> layers;
    std::vector<Slice> buckets;       ///< in the order in which they are reduced
    std::size_t batch_samples = 0;    ///< of all ranks
    std::size_t leaves = 0;           ///< likewise
    std::size_t busy_ranks = 0;       ///< with a leaf or more
    std::size_t most_leaves = 0;      ///< of the rank that has most, which the others wait for
    std::size_t fewest_leaves = 0;    ///< of the busy rank that has fewest
    std::vector<std::size_t> pieces;  ///< that rank's samples, as they go through the network
    bool by_leaf = false;             ///< every leaf's gradient is computed by itself
    double leaf = 32.0;               ///< samples

    // The tree above the hosts (comm/README.md).
    bool halving = true;
    std::size_t most_sums = 1;  ///< that a host is left with
    std::size_t sums = 1;       ///< of all hosts

    Sharding sharding = Sharding::kNone;
    Compression compression = Compression::kNone;
    double keep = 1.0;            ///< with kTopK
    double moved_per_update = 5;  ///< values read and written to update a parameter

    [[nodiscard]] double parameters() const;
};

/// Values that an update of one parameter by that optimizer reads and writes: parameter, gradient and state.
double moved_per_update(const OptimizerOptions& optimizer);

/// The layers and buckets of a network.
StepWork network_work(const Network& network, std::size_t bucket_bytes);
/// A step on a whole batch of `plan`, as the configuration has it.
StepWork step_work(const Config& config, const Network& network, const BatchPlan& plan, Ranks ranks);

}  // namespace lockstep
