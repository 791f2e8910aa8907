// What comes before any training or scoring: the data opened and the network checked against them.
#pragma once

#include <vector>

#include "core/data/open_data.h"
#include "core/network/network_spec.h"
#include "launcher/commands.h"

namespace lockstep {

struct Prepared {
    DataSets data;
    NetworkSpec network;         ///< with its inputs
    std::vector<float> weights;  ///< network.weights as the network's arena; empty: none given
};

/// Opens the data and checks the network against it: plan, train, eval and predict refuse the same. Also sets
/// the number of threads. Throws ConfigError, also where the configuration has a digraph, and DataError. Not
/// collective.
Prepared prepare(const CommandInput& input);

/// The set that --set names. Throws ConfigError where there is no validation part.
const Dataset& chosen_set(const CommandInput& input, const DataSets& data);

}  // namespace lockstep
