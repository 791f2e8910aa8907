// Where a run stands and what its rules remember: with the arrays of Replica::state_arrays, all that its
// further course depends on.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

#include "core/network/objective.h"
#include "core/training/early_stopping.h"
#include "core/training/learning_rate.h"
#include "launcher/train/journal.h"
#include "launcher/train/training_course.h"

namespace lockstep {

/// The state between two steps, the same on every rank and on any number of them. An epoch whose last step
/// was taken is over: what follows from it belongs to that step.
struct RunState {
    RunPosition at;                 ///< epoch 0 before the first step
    SampleMetrics epoch_sum;        ///< over the samples of the epoch at hand, or of the last one
    std::size_t epoch_samples = 0;  ///< these
    Scores scores;                  ///< of the last epoch that is over
    LearningRate::State learning_rate;
    EarlyStopping::State early_stopping;
    GradientStopping::State gradient_stopping;
    TrainingCourse::State course;
    RunPosition best;  ///< the best check of the validation part; epoch 0 before there is one
    Scores best_scores;
    Ending ending;
    bool operator==(const RunState&) const = default;
};

/// As a checkpoint's manifest has it, and back, bit for bit. The latter throws CheckpointError where
/// something is missing or no such value.
nlohmann::json to_json(const RunState& state);
RunState run_state_from_json(const nlohmann::json& json);

}  // namespace lockstep
