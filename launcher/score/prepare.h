// What comes before any training or scoring: the data opened and the network checked against them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/data/open_data.h"
#include "core/network/network_spec.h"
#include "launcher/options/config.h"
#include "launcher/options/options.h"
#include "launcher/score/warm_start.h"

namespace lockstep {

struct Prepared {
    DataSets data;  ///< as the network sees it once `preprocessing` is there
    std::shared_ptr<const Preprocessing>
        preprocessing;                       ///< of its inputs; none: as they are, or not fitted yet
    NetworkSpec network;                     ///< with its inputs
    std::vector<float> weights;              ///< network.weights as the network's arena; empty: none given
    std::shared_ptr<const WarmStart> start;  ///< the model that training starts from; none: it starts anew
};

/// Opens the data and checks the network against it: plan, train, eval and predict refuse the same. Also sets
/// the number of threads. Throws ConfigError, also where the configuration has a digraph, and DataError. Not
/// collective.
Prepared prepare(const Config& config, const ResolvedOptions& options);

/// The same on every rank, each of which reads for itself. Throws CollectiveError for what any of them
/// throws, and where they see other data or weights (exit code 3). Collective.
Prepared prepare(const Communicator& comm, const Config& config, const ResolvedOptions& options);

/// The same with data that are open: another network on them, other threads. Collective.
Prepared prepare_on(const Communicator& comm, const DataSets& data, const Config& config,
                    const ResolvedOptions& options);

/// Fits the configuration's preprocessing to the training set and lets all three sets be seen through it:
/// where a network is trained. A model that is used, or started from with its lowest layer, comes with its
/// own (model_inputs.h). Throws DataError. Not collective.
void fit_inputs(Prepared& prepared, const PreprocessingOptions& options);

/// The set that --set names: "train", "validation" or "test". Throws ConfigError where there is no validation
/// part.
const std::shared_ptr<const Dataset>& chosen_set(std::string_view name, const DataSets& data);

}  // namespace lockstep
