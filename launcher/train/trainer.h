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
#include "launcher/score/evaluation.h"
#include "launcher/score/sample_reader.h"
#include "launcher/train/journal.h"
#include "launcher/train/replica.h"
#include "launcher/train/training_course.h"

namespace lockstep {

/// What a finished run has to say.
struct TrainingResult {
    RunPosition at;        ///< where it stopped
    RunPosition of_model;  ///< where the parameters are from: an earlier check with training.keep = best
    Ending ending;
    /// All of epoch of_model.epoch: of the training set while it was trained on, each batch scored before its
    /// step, of the others with the model's parameters. What there is not of, or was not done, is missing.
    Scores scores;
    std::string concern;            ///< what went wrong with the training (TrainingCourse), or ""
    Digest128 digest;               ///< of the final parameters
    double seconds = 0.0;           ///< of all
    double training_seconds = 0.0;  ///< of the steps alone
};

class Trainer {
  public:
    /// Draws the initial parameters and allocates everything that training needs. `initial`: the arena to
    /// begin with; empty: drawn. `comm` must outlive the trainer. Collective.
    Trainer(const Communicator& comm, const Config& config, const NetworkSpec& spec, DataSets data,
            std::vector<float> initial = {});
    /// The same for config.network, whose inputs and coding of classes are those of the training set: a
    /// program that has made its data itself, and all of its configuration that the trainer reads. Data are
    /// taken as they are, without preprocessing. Throws ConfigError where network and data do not go
    /// together. Also sets the number of threads. Collective.
    Trainer(const Communicator& comm, const Config& config, DataSets data);

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
    /// Takes what was measured after an epoch: keeps the parameters where the validation part's score is the
    /// best, stops the run where patience is over.
    void watch(const Scores& scores);
    /// The norm of the last epoch's mean gradient, where it is wanted; stops the run where it is small.
    std::optional<double> epoch_norm(std::size_t samples);
    /// Puts the best check's parameters back, and their scores into `result`.
    void take_best(TrainingResult& result, Journal& journal);
    /// Compares the replicas; returns the digest they share.
    Digest128 check_replicas_now(Journal& journal, const RunPosition& at);

    const Communicator& comm_;
    Config config_;
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
    GradientStopping gradient_stopping_;
    std::optional<double> gradient_norm_;  // of the last step, where it is wanted
    TrainingCourse course_;
    RunPosition best_;  // the best check; epoch 0 before there is one
    Scores best_scores_;
    Ending ending_;
};

}  // namespace lockstep
