// Networks of one configuration, each trained on a draw of the training set of its own: folds, bootstrap
// samples.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "core/data/resampling.h"
#include "launcher/several/several_networks.h"

namespace lockstep {

struct ResampledTraining {
    std::string subcommand;                     ///< "crossval", "bag"; its report is crossval.json
    std::string kind;                           ///< of a network: "fold" for fold-1, fold-2, …
    std::size_t count = 0;                      ///< of networks
    std::function<Resample(std::size_t)> draw;  ///< of network i < count; called on every rank of its group
    bool own_seeds = false;  ///< network i is trained with training.seed + i; else all with training.seed
};

/// The networks, for train_several; a network's validation set is its draw's. `job` must outlive them. Throws
/// ConfigError where data.split cuts a validation part as well.
SeveralNetworks resampled_networks(const TrainingJob& job, const ResampledTraining& training);

}  // namespace lockstep
