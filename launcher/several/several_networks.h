// Several networks of one configuration or of variants of it, trained side by side by groups of ranks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launcher/run/progress.h"
#include "launcher/run/run_directory.h"
#include "launcher/train/training_run.h"

namespace lockstep {

/// What one of them is trained by and on. Its run.dir is chosen by train_several.
struct NetworkJob {
    Config config = {};
    ResolvedOptions options = {};
    Prepared prepared = {};
};

struct SeveralNetworks {
    std::string subcommand;               ///< "crossval", "bag", "sweep"
    std::string kind;                     ///< of a network, with which names of run directories begin: "fold"
    std::string report_file;              ///< in the directory of them all, published at the end
    std::vector<std::string> names = {};  ///< of each: "fold 3 of 10"
    std::vector<std::string> dirs = {};   ///< the name of each one's run directory: "fold-3"
    /// Network i's job, on every rank of the group that trains it. Collective over these.
    std::function<NetworkJob(const Communicator& ranks, std::size_t i)> job_of = nullptr;
    /// Those whose jobs are made, and checked as training would, before anything is trained.
    std::vector<std::size_t> checked_first = {};
    /// A network that meets a NaN or an infinity is a result, and the others go on; else it ends the job.
    bool may_diverge = false;
    /// What the subcommand was told by flags of its own, for run.json: name and value.
    std::vector<std::pair<std::string, std::string>> flags = {};

    [[nodiscard]] std::size_t count() const { return names.size(); }
};

/// What comes of it, on rank 0.
struct TrainedNetworks {
    bool is_stopped = false;  ///< as asked, on every rank: networks are missing, so there is no report
    /// {"run_dir", "networks": [what train prints of each, with its number, from 1]}; of one that diverged
    /// {"run_dir", "number", "diverged": the message}.
    nlohmann::json report;
    std::optional<RunDirectory> directory;  ///< of them all, held until the report is published
};

/// Trains the networks in resampling.groups groups of ranks, network i in group i mod groups, each in a run
/// directory of its own within run.dir. Which group has it, and of how many ranks, changes no bit. Of a run
/// that goes on, networks that are finished are taken as they are. Throws as run_training. Collective.
TrainedNetworks train_several(const Communicator& comm, const TrainingJob& job,
                              const SeveralNetworks& networks, Progress progress);

/// Writes the report into the directory. With `overwrite`, an older run's networks that this one has not go.
/// On rank 0 alone.
void publish(const TrainedNetworks& trained, const SeveralNetworks& networks, bool overwrite);

/// Mean and standard deviation (of n - 1; none of one alone) of a score over the networks: {"mean",
/// "standard_deviation"}; null where it was not measured of each.
nlohmann::json spread(const nlohmann::json& networks, const std::string& score);

/// "  validation loss 0.12345 accuracy 97.50 %" of a network's object, or nothing.
std::string score_text(const nlohmann::json& network, const std::string& set);

}  // namespace lockstep
