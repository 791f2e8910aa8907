// Trains a network: every rank holds a replica and takes its share of each global minibatch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/data/batch_plan.h"
#include "core/data/open_data.h"
#include "core/training/early_stopping.h"
#include "launcher/options/config.h"
#include "launcher/run/journal.h"
#include "launcher/score/evaluation.h"
#include "launcher/score/sample_reader.h"
#include "launcher/train/replica.h"

namespace lockstep {

/// What a finished run has to say.
struct TrainingResult {
    RunPosition at;        ///< where it stopped
    RunPosition of_model;  ///< where the parameters are from: an earlier check with training.keep = best
    Ending ending;
    std::optional<Score>
        train;  ///< of the last epoch, each batch scored before its step; none without a step
    std::optional<Score> validation;  ///< of the final parameters; none without a validation part
    std::optional<Score> test;        ///< of the final parameters; none where the test set has no targets
    Digest128 digest;                 ///< of the final parameters
    double seconds = 0.0;             ///< of training, tests included
};

class Trainer {
  public:
    /// Draws the initial parameters and allocates everything that training needs. `comm` and `data` must
    /// outlive the trainer. Collective.
    Trainer(const Communicator& comm, const Config& config, const NetworkSpec& spec, DataSets data,
            std::vector<float> initial);

    /// Trains as the configuration says. Throws NumericalError (through agree) and ReplicaError on every rank
    /// alike. Collective.
    TrainingResult train(Journal& journal);

    [[nodiscard]] const ParameterLayout& layout() const { return replica_.layout(); }
    [[nodiscard]] const BatchPlan& plan() const { return plan_; }
    /// Asking for them is collective where they are sharded.
    [[nodiscard]] ParameterSource& parameters() { return replica_.parameters(); }

  private:
    /// One training step; returns the batch's summed metrics.
    SampleMetrics step(const Batch& batch);
    /// One epoch, or what training.max_steps leaves of it; returns the mean over its samples.
    Score epoch(Journal& journal);
    /// Of the steps since the last call, of which there were `steps`.
    EpochCommunication communication_of(std::size_t steps);
    [[nodiscard]] bool steps_left() const;
    [[nodiscard]] std::string moment() const;
    /// Of the parameters as they are; none where there is no such set, or no targets.
    [[nodiscard]] std::optional<Score> score(const std::shared_ptr<const Dataset>& set);
    /// Takes the validation loss of a check: keeps the parameters where it is the best, stops the run where
    /// patience is over.
    void watch(const Score& validation);
    /// Puts the best check's parameters back, and their scores into `result`.
    void take_best(TrainingResult& result, Journal& journal);
    /// Compares the replicas; returns the digest they share.
    Digest128 check_replicas_now(Journal& journal, const RunPosition& at);

    const Communicator& comm_;
    const Config& config_;
    DataSets data_;
    BatchPlan plan_;
    ShardBounds bounds_;
    SampleReader reader_;
    std::optional<Augmenter> augmenter_;
    ShardWork whole_batch_;
    ShardWork last_batch_;  // of an epoch, which may be shorter
    Replica replica_;
    std::optional<double> reduction_alone_;  // seconds; with several ranks
    Traffic traffic_;                        // until the last epoch's end
    std::vector<std::uint64_t> order_;       // of the epoch at hand
    LearningRate learning_rate_;
    RunPosition at_;
    EarlyStopping early_stopping_;
    RunPosition best_;  // the check with the lowest validation loss; epoch 0 before there is one
    Ending ending_;
};

}  // namespace lockstep
