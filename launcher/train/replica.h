// One rank's replica of the model, and a training step on it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/gradient_reducer.h"
#include "core/base/buffer.h"
#include "core/network/learner.h"
#include "core/training/error_feedback.h"
#include "core/training/optimizer.h"
#include "core/training/regularisation.h"
#include "launcher/recovery/state_arrays.h"
#include "launcher/recovery/step_digests.h"
#include "launcher/run/requests.h"
#include "launcher/score/metrics_sum.h"
#include "launcher/telemetry/phases.h"
#include "launcher/train/gradient_collector.h"
#include "launcher/train/gradient_norms.h"
#include "launcher/train/overlap.h"
#include "launcher/train/parameter_store.h"
#include "launcher/train/shard_work.h"

namespace lockstep {

/// Reads samples [first, first + count) of the rank's share; the views live until the next call.
using ReadSamples = std::function<Samples(std::size_t first, std::size_t count)>;

struct ReplicaOptions {
    std::uint64_t seed = 1;      ///< of the initial parameters
    std::vector<float> initial;  ///< these themselves (arena_size); empty: drawn
    std::size_t leaf = 32;       ///< samples
    OptimizerOptions optimizer;
    RegularisationOptions regularisation;
    GradientReducerOptions reducer;
    bool gradient_norms = false;  ///< steps state theirs
    bool epoch_norms = false;     ///< and epoch_gradient_norm() will be asked for
    bool digests = false;         ///< digests() will be asked for
    double kept_share = 0.0;      ///< of a leaf's values that go up the tree, with Compression::kTopK
    ShardBounds bounds;
};

/// What others have to do in a step.
struct StepHooks {
    VisitNode visit = nullptr;  ///< sees the nodes of the leaf tree that this rank computes
    /// Called on all ranks once these are there and the loss is finite, with parameters that are not sharded
    /// still those before the step; must not throw.
    std::function<void()> before_update = nullptr;
};

struct StepResult {
    bool finite = true;  ///< false: the loss was NaN or infinite, and the parameters are as before the step
    SampleMetrics metrics;  ///< summed over the batch
    /// ‖mean gradient‖ of the batch over all parameters: of the loss alone, before L2. With
    /// options.gradient_norms.
    std::optional<double> gradient_norm;
    RunRequests asked;  ///< by all ranks together
};

class Replica {
  public:
    /// Allocates everything a step needs and draws the initial parameters. `learner` takes passes over
    /// options.bounds.piece_samples. `comm` must outlive the replica. Collective.
    Replica(const Communicator& comm, std::unique_ptr<Learner> learner, const ReplicaOptions& options);

    /// One training step on a batch: forward and backward over this rank's share, the gradients' sum over all
    /// ranks, the optimizer's step, the same on every rank. `number` counts the steps of the run from 1:
    /// dropout draws by it. What this rank asks for reaches the others with it. Collective.
    StepResult step(const ShardWork& work, std::size_t number, float learning_rate, const ReadSamples& read,
                    RunRequests asked = {}, const StepHooks& hooks = {});

    /// The gradient of any samples of a batch, the first at place `first` of it, as one node of the leaf tree
    /// has it in step `number`, by the parameters as they are: into `sink`. At most as many samples as
    /// `learner` takes, or none. Collective where parameters are sharded.
    void gradient_of(const Samples& samples, std::size_t number, std::size_t first, GradientSink& sink);

    /// Lets `damage` write, between steps, to what this rank holds first of each layer's parameters: a fault
    /// on purpose.
    using Damage = std::function<void(std::size_t layer, std::span<float> parameters)>;
    void damage_parameters(const Damage& damage);

    /// Forwards the pieces of this rank's share once more, as they were in a step that was not finite, and
    /// visits each while learner().first_not_finite can be asked. Collective where parameters are sharded, so
    /// `visit` must not throw.
    using VisitPiece = std::function<void(std::size_t first, const Samples& samples)>;
    void revisit(const ShardWork& work, const ReadSamples& read, const VisitPiece& visit);

    /// ‖mean gradient‖ of the `samples` of all steps since it was asked for last, each at the parameters that
    /// it was computed with. Requires options.epoch_norms. Collective.
    double epoch_gradient_norm(std::size_t samples) {
        return norms_->of_epoch(learner_->mean_factor(samples));
    }

    /// Sets a copy of the parameters aside, and puts it back in their place; the optimizer's state stays as
    /// it is. Between steps, restore() after keep(). Collective.
    void keep();
    void restore();

    /// What this rank holds, between steps, of the arrays that the bits of later ones depend on, the same
    /// names on all ranks: "parameters"; "optimizer 0", …; "gradient of the epoch" with options.epoch_norms;
    /// "best parameters" after keep(); "kept back of leaf 0", …, all leaves of a whole batch, with
    /// Compression::kTopK. Collective.
    std::vector<StateArray> state_arrays();
    /// The inverse: afterwards the replica's next step is that of the one whose state `fill` sets, whatever
    /// its sharding and however many ranks it has. `with_best`: that had "best parameters". Throws
    /// CheckpointError, on all ranks alike, where it is not a state of such a replica. Collective.
    void set_state(bool with_best, const FillState& fill);

    /// Seconds that the reduction of such a batch's gradients takes with nothing to hide behind: the median
    /// of some, of whatever lies in the gradients' memory. Between steps; changes no parameter. Collective.
    double reduction_seconds(const ShardWork& work);

    [[nodiscard]] Learner& learner() { return *learner_; }
    [[nodiscard]] const Learner& learner() const { return *learner_; }
    [[nodiscard]] const ParameterLayout& layout() const { return learner_->layout(); }
    /// The parameters as they are after the last step; asking for them is collective where they are sharded.
    [[nodiscard]] ParameterSource& parameters() { return store_->parameters(); }
    /// What this rank has sent of its gradients to other hosts until now.
    [[nodiscard]] Traffic traffic() const { return reducer_.traffic(); }
    /// Of the steps, for which it has to be told that one is to be digested. Requires options.digests.
    [[nodiscard]] StepDigests& digests() { return *digests_; }
    /// Of the phases, summed over the steps since the last reset.
    [[nodiscard]] const PhaseSeconds& seconds() const { return recorder_.seconds; }
    void reset_seconds() { recorder_.seconds = {}; }
    /// What else takes time between steps is for its owner to add.
    [[nodiscard]] PhaseRecorder& recorder() { return recorder_; }
    /// Lets a trace, which must outlive the replica, see the steps, as long as it takes any; null: none.
    void trace(Trace* trace);

  private:
    std::unique_ptr<ParameterStore> make_store();
    [[nodiscard]] std::optional<ErrorFeedback> make_feedback() const;
    /// Makes kept_, where there is none.
    void make_room_for_best();
    void forward(const ShardWork& work, const ShardPiece& piece, const Samples& samples);
    void backward(const ShardWork& work, const ShardPiece& piece, const Samples& samples);
    /// What is to go on while this rank computes; null where nothing can.
    std::function<void()> progress();
    [[nodiscard]] bool sharded() const { return options_.reducer.sharding != Sharding::kNone; }
    /// The initial parameters of a range.
    void first_parameters(ArenaRange range, std::span<float> parameters) const;

    const Communicator& comm_;
    ReplicaOptions options_;
    std::unique_ptr<Learner> learner_;
    PhaseRecorder recorder_;
    GradientReducer reducer_;  // with the gradients
    std::optional<StepDigests> digests_;
    std::unique_ptr<ParameterStore> store_;
    std::optional<ErrorFeedback> feedback_;
    MetricsSum metrics_sum_;
    GradientCollector collector_;
    Overlap overlap_;
    DropoutDraw draw_;                    // of the step at hand
    std::vector<SampleMetrics> metrics_;  // (samples of the share)
    std::optional<GradientNorms> norms_;
    std::optional<Buffer<float>> kept_;  // what keep() set aside, in the order of what is held
};

}  // namespace lockstep
