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
#include "launcher/options/config.h"
#include "launcher/recovery/gradient_audit.h"
#include "launcher/run/faults.h"
#include "launcher/score/evaluation.h"
#include "launcher/score/sample_reader.h"
#include "launcher/telemetry/phase_report.h"
#include "launcher/telemetry/trace.h"
#include "launcher/train/journal.h"
#include "launcher/train/replica.h"
#include "launcher/train/run_state.h"

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
    std::size_t samples = 0;        ///< of these steps
    PhaseReport phases;             ///< since the run began or went on
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

    /// Stands from now on where another trainer of the same configuration stood, in the middle of an epoch or
    /// not: with its state(), and its state_arrays(), which `fill` gives.
    /// comm.shard and the number of ranks may be others; the further course has the same bits. Throws
    /// CheckpointError on every rank alike. Collective.
    void begin_from(const RunState& state, const FillState& fill);

    /// The faults that this rank is to meet. Throws CollectiveError (exit code 2) where they do not fit the
    /// network. Collective.
    void inject(Faults faults);

    /// Trains on until so many steps of the run are taken, or it is over, or a rank asks for something, which
    /// this returns, the same on every rank: after the step that the rank was about to take, and its epoch's
    /// end where there is one. It costs nothing, since requests travel with the step's metrics. Throws
    /// NumericalError (through agree) and ReplicaError on every rank alike. Collective.
    RunRequests advance(Journal& journal, std::size_t last_step, const AskRequests& ask = nullptr);
    /// True where no step is left to be taken.
    [[nodiscard]] bool is_over() const { return !steps_left(); }
    /// Trains on until the run is over, and ends it: there is nothing to go on from then. Throws as advance.
    /// Collective.
    TrainingResult train(Journal& journal);

    /// Where the ranks' time has gone since the training began or went on. Collective.
    [[nodiscard]] PhaseReport phases();
    /// For what else takes time between steps: checkpoints.
    [[nodiscard]] PhaseRecorder& recorder() { return replica_.recorder(); }
    /// Writes the trace, where there is one, to rank 0's `path`. Throws CheckpointError. Collective.
    void write_trace(const std::filesystem::path& path) const {
        if (trace_) trace_->write(path);
    }

    [[nodiscard]] const RunState& state() const { return state_; }
    /// See Replica::state_arrays. Before train(). Collective.
    [[nodiscard]] std::vector<StateArray> state_arrays() { return replica_.state_arrays(); }

    [[nodiscard]] const ParameterLayout& layout() const { return replica_.layout(); }
    /// Of the steps that the ledger has. Requires that it has any.
    [[nodiscard]] StepDigests& digests() { return replica_.digests(); }
    [[nodiscard]] const BatchPlan& plan() const { return plan_; }
    /// Asking for them is collective where they are sharded.
    [[nodiscard]] ParameterSource& parameters() { return replica_.parameters(); }

  private:
    /// One training step.
    StepResult step(const Batch& batch, RunRequests asked, Journal& journal);
    /// The samples at places [first, first + count) of the batch, distorted as in this epoch.
    [[nodiscard]] Samples read(const Batch& batch, std::size_t first, std::size_t count);
    /// Tells the set which samples this rank takes in that step of an epoch and in the next data.prefetch
    /// ones.
    void announce(std::size_t epoch, std::size_t step);
    /// The faults that are to strike before the step at hand, and what is to be done to its gradient.
    VisitNode meet_faults();
    /// The step at hand, with what ranks compute in it recomputed by others.
    StepResult audited_step(const Batch& batch, const ShardWork& work, const ReadSamples& read,
                            RunRequests asked);
    /// The steps of an epoch from where it stands, until it, the run or `last_step` is over, or something is
    /// asked for; at least one.
    RunRequests take_steps(Journal& journal, std::size_t last_step, const AskRequests& ask);
    /// What follows from an epoch's last step, or the run's.
    void end_epoch(Journal& journal);
    /// The mean over the samples of the epoch at hand.
    [[nodiscard]] Score epoch_score() const;
    /// Of the steps since the last call.
    EpochCommunication communication();
    /// What the phases took on this rank since the last call.
    PhaseSeconds take_seconds();
    /// Steps taken of the epoch at hand; 0: it is over.
    [[nodiscard]] std::size_t step_in_epoch() const { return state_.at.step % plan_.steps_per_epoch(); }
    [[nodiscard]] bool steps_left() const;
    [[nodiscard]] std::string moment() const;
    /// Whether the ledger has digests by layer of the step at hand, which is counted already.
    [[nodiscard]] bool is_in_ledger() const;
    /// Writes what the ranks have still to tell each other of it. Collective.
    void flush_ledger(Journal& journal);
    /// Of the parameters as they are; none where there is no such set, or no targets.
    [[nodiscard]] std::optional<Score> score(const std::shared_ptr<const Dataset>& set);
    /// Takes what was measured after an epoch: keeps the parameters where the validation part's score is the
    /// best, stops the run where patience is over.
    void watch();
    /// The norm of the last epoch's mean gradient, where it is wanted; stops the run where it is small.
    std::optional<double> epoch_norm();
    /// Puts the best check's parameters back, and their scores into `result`.
    void take_best(TrainingResult& result, Journal& journal);
    /// Compares the replicas; returns the digest they share.
    Digest128 check_replicas_now(Journal& journal, const RunPosition& at);

    const Communicator& comm_;
    Config config_;
    DataSets data_;
    BatchPlan plan_;
    ShardBounds bounds_;
    std::size_t pass_samples_;  // at most, of a pass through the network
    SampleReader reader_;
    std::optional<Augmenter> augmenter_;
    ShardWork whole_batch_;
    ShardWork last_batch_;  // of an epoch, which may be shorter
    std::optional<Trace> trace_;
    Replica replica_;
    std::optional<double> reduction_alone_;    // seconds; with several ranks
    std::optional<Stopwatch> training_watch_;  // since the first advance
    PhaseSeconds phases_;                      // until the last epoch's end
    std::size_t session_steps_ = 0;            // since the first advance
    Traffic traffic_;                          // until the last epoch's end
    std::size_t timed_steps_ = 0;              // since then
    std::vector<std::uint64_t> order_;         // of an epoch, the one at hand once it has begun
    std::size_t order_epoch_ = 0;
    std::size_t announced_ = 0;  // steps of the epoch whose samples the set was told
    LearningRate learning_rate_;
    EarlyStopping early_stopping_;
    GradientStopping gradient_stopping_;
    TrainingCourse course_;
    Faults faults_;
    std::optional<GradientAudit> audit_;
    RunState state_;
};

}  // namespace lockstep
