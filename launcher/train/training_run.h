// One training run: from data and a configuration to a run directory with a model.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "launcher/run/progress.h"
#include "launcher/score/prepare.h"
#include "launcher/train/trainer.h"

namespace lockstep {

/// What to train. All of it must outlive the run.
struct TrainingJob {
    const Config& config;
    const ResolvedOptions& options;  ///< as run.json shows them
    const Prepared& prepared;
    /// Which of several networks of one configuration: "fold 3 of 10"; empty: the only one.
    std::string member = {};
    Faults faults = {};  ///< that this rank is to meet
};

struct FinishedRun {
    TrainingResult result;
    std::filesystem::path dir;    ///< the run directory; on rank 0 alone, as the next
    std::filesystem::path model;  ///< the model file
};

/// Chooses the run directory, once nothing can be refused any more, trains, and writes the model. Rank 0
/// tells the user by `progress`. Throws as Trainer, and ConfigError for what check_stopping and
/// choose_run_dir refuse. Collective.
FinishedRun run_training(const Communicator& comm, const TrainingJob& job, Progress progress);

/// The object that train prints with --json.
nlohmann::json to_json(const FinishedRun& run);

}  // namespace lockstep
