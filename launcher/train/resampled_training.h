// Several networks of one configuration, each trained on a draw of the training set of its own, by groups of
// ranks.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/data/resampling.h"
#include "launcher/run/progress.h"
#include "launcher/run/run_directory.h"
#include "launcher/train/training_run.h"

namespace lockstep {

struct ResampledTraining {
    std::string kind;         ///< of a network, which names its run directory: "fold" for fold-1, fold-2, …
    std::string report_file;  ///< in the directory of them all, published at the end
    std::size_t count = 0;    ///< of networks
    std::function<Resample(std::size_t)> draw;  ///< of network i < count; called on every rank of its group
    std::string subcommand;                     ///< "crossval", "bag"
    bool own_seeds = false;  ///< network i is trained with training.seed + i; else all with training.seed
};

/// What comes of it, on rank 0.
struct Resampled {
    bool is_stopped = false;  ///< as asked, on every rank: networks are missing, so there is no report
    nlohmann::json report;    ///< {"run_dir", "networks": [what train prints of each, with its number]}
    std::optional<RunDirectory> directory;  ///< of them all, held until the report is published
};

/// Trains the networks in resampling.groups groups of ranks, network i in group i mod groups, each in a run
/// directory of its own within run.dir. A network's validation set is its draw's; which group has it, and of
/// how many ranks, changes no bit. Throws ConfigError where data.split cuts a validation part as well, and as
/// run_training. Collective.
Resampled train_resampled(const Communicator& comm, const TrainingJob& job, const ResampledTraining& training,
                          Progress progress);

/// Writes the report into the directory. With `overwrite`, runs of numbers above the networks' count go. On
/// rank 0 alone.
void publish(const Resampled& trained, const ResampledTraining& training, bool overwrite);

/// "  validation loss 0.12345 accuracy 97.50 %" of a network's object, or nothing.
std::string score_text(const nlohmann::json& network, const std::string& set);

}  // namespace lockstep
