// One training run: from data and a configuration to a run directory with a model.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "launcher/run/progress.h"
#include "launcher/run/requests.h"
#include "launcher/run/time_limit.h"
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
    AskRequests ask = nullptr;  ///< what this rank is asked for meanwhile
    TimeLimit limit = {};       ///< by which rank 0 asks to stop
    /// The directory of the run that goes on, of rank 0; empty: a new run.
    std::filesystem::path going_on = {};
    std::vector<std::string> allowed = {};  ///< what may have changed since: see check_unchanged
    Faults faults = {};                     ///< that this rank is to meet
};

struct FinishedRun {
    TrainingResult result;    ///< with a stopped run, where it stopped and the last scores alone
    bool is_stopped = false;  ///< as it was asked to, before its end: there is no model
    StopReason stop_reason = StopReason::kRequest;
    std::filesystem::path dir;    ///< the run directory; on rank 0 alone, as the next
    std::filesystem::path model;  ///< the model file

    /// Of a program that has done nothing else.
    [[nodiscard]] ExitCode exit_code() const {
        return is_stopped ? ExitCode::kStoppedEarly : ExitCode::kDone;
    }
};

/// Throws ConfigError for what a training on so many ranks would refuse before its first step: stopping
/// rules, memory. Not collective.
void check_trainable(const Config& config, const ResolvedOptions& options, const Prepared& prepared,
                     std::size_t ranks);

/// Chooses the run directory, once nothing can be refused any more, or goes on with the run in one from its
/// newest good checkpoint, trains, saving checkpoints meanwhile, and writes the model, unless a rank asks to
/// stop before the end: then it leaves a checkpoint. Rank 0 tells the user by `progress`. Throws as Trainer,
/// and ConfigError for what check_stopping and choose_run_dir refuse, CheckpointError for a run to go on with
/// that is not what it was. Collective.
FinishedRun run_training(const Communicator& comm, const TrainingJob& job, Progress progress);

/// The object that train prints with --json.
nlohmann::json to_json(const FinishedRun& run);

}  // namespace lockstep
