// One rank's replica of the network: parameters, gradients and optimizer state, or its shard of them, and a
// training step on them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/gradient_reducer.h"
#include "comm/sharded_values.h"
#include "core/base/buffer.h"
#include "core/data/batch_plan.h"
#include "core/network/network.h"
#include "core/training/error_feedback.h"
#include "core/training/optimizer.h"
#include "core/training/regularisation.h"
#include "launcher/score/sample_reader.h"
#include "launcher/train/metrics_sum.h"
#include "launcher/train/overlap.h"

namespace lockstep {

/// How a rank's share goes through the network (BatchPlan::pieces).
struct ShardCut {
    std::size_t micro_batch = 0;  ///< samples of a piece at most; 0: all at once
    bool leaf_parts = false;      ///< every leaf's gradient by itself: with compression
};

/// The most that a rank is ever given of a batch: what it holds memory for.
struct ShardBounds {
    std::size_t leaves = 0;         ///< of its share of a whole batch
    std::size_t arenas = 0;         ///< gradient arenas: slots of its pieces
    std::size_t samples = 0;        ///< of its share
    std::size_t piece_samples = 0;  ///< of a piece
};
ShardBounds shard_bounds(const BatchPlan& plan, ShardCut cut, std::size_t rank, std::size_t ranks);

/// What a rank does of one batch, and of every other one of that size: its share, and the pieces in which
/// that goes through the network.
struct ShardWork {
    ShardWork(const BatchPlan& plan, const Batch& batch, ShardCut cut, std::size_t rank, std::size_t ranks);

    std::size_t batch_samples;  ///< of the whole batch
    bool whole_batch;           ///< not one that is shorter than the others
    std::size_t first = 0;      ///< of the share's samples, within the batch
    LeafRange leaves;           ///< of the share, within the batch
    Shard shard;
    std::vector<ShardPiece> pieces;  ///< at least one
};

/// Reads samples [first, first + count) of the rank's share; the views live until the next call.
using ReadSamples = std::function<Samples(std::size_t first, std::size_t count)>;

/// Where a step's time went, in seconds, summed over the steps since the last reset.
struct StepSeconds {
    double forward = 0.0;                ///< forward pass and loss
    double backward = 0.0;               ///< gradients and deltas
    double communication_exposed = 0.0;  ///< waiting for other ranks: what the computation did not hide
    double optimizer = 0.0;
};

/// The share of a reduction that takes `alone` seconds by itself which did not show as `exposed`, in [0, 1].
/// Waiting for a slower rank is exposed too, so that the share is no overstatement.
double hidden_share(double alone, double exposed);

struct ReplicaOptions {
    NetworkSpec network;
    Arithmetic arithmetic = Arithmetic::kFp32;
    std::uint64_t seed = 1;      ///< of the initial parameters
    std::vector<float> initial;  ///< these themselves (arena_size); empty: drawn
    std::size_t leaf = 32;       ///< samples
    OptimizerOptions optimizer;
    RegularisationOptions regularisation;
    GradientReducerOptions reducer;
    bool gradient_norm = false;  ///< gradient_norm() will be asked for; not with sharding
    double kept_share = 0.0;     ///< of a leaf's values that go up the tree, with Compression::kTopK
    ShardBounds bounds;
};

class Replica {
  public:
    /// Allocates everything a step needs and draws the initial parameters. `comm` must outlive the replica.
    /// Collective.
    Replica(const Communicator& comm, const ReplicaOptions& options);

    // A step: forward, backward, metrics where they are wanted, and update or, in its place, discard. All
    // are collective.

    /// Forward pass and loss of this rank's share, and the backward pass of all its pieces but the last. The
    /// metrics' sum is on its way. `number` counts the steps of the run from 1: dropout draws by it.
    void forward(const ShardWork& work, std::size_t number, const ReadSamples& read);

    /// Backward pass of the last piece; the gradients' sums are on their way. Requires that the samples that
    /// forward() read last are still there. With sharding, where parameters may change from here on, it waits
    /// for the metrics and leaves a step undone whose loss is not finite.
    void backward(const ShardWork& work, std::size_t number, float learning_rate);

    /// The metrics' sum over the whole batch. It travels while backward() computes.
    SampleMetrics metrics() { return metrics_sum_.finish(); }

    /// The optimizer's step, the same on every rank, with the gradients' sum over all ranks.
    void update();

    /// ‖mean gradient‖ of the last step's batch over all parameters: of the loss alone, before L2. Each
    /// layer's squares are summed by square_sum (elementwise.h), the layers in their order. Requires
    /// options.gradient_norm.
    [[nodiscard]] double gradient_norm();

    /// Leaves the parameters as they were before the step. Requires a loss that is not finite.
    void discard();

    /// Forwards the pieces of this rank's share once more, as they were in forward(), and visits each. For
    /// finding out what went wrong in a step that was discarded. Collective where parameters are sharded, so
    /// `visit` must not throw.
    using VisitPiece = std::function<void(std::size_t first, const Samples& samples, Workspace& work)>;
    void revisit(const ShardWork& work, const ReadSamples& read, const VisitPiece& visit);

    /// Sets a copy of the parameters aside, and puts it back in their place; the optimizer's state stays as
    /// it is. Between steps, restore() after keep(). Collective.
    void keep();
    void restore();

    /// Seconds that the reduction of such a batch's gradients takes with nothing to hide behind: the median
    /// of some, of whatever lies in the gradients' memory. Between steps; changes no parameter. Collective.
    double reduction_seconds(const ShardWork& work);

    [[nodiscard]] const Network& network() const { return network_; }
    /// The parameters as they are after the last step; asking for them is collective where they are sharded.
    [[nodiscard]] ParameterSource& parameters() { return *source_; }
    /// What this rank has sent of its gradients to other hosts until now.
    [[nodiscard]] Traffic traffic() const { return reducer_.traffic(); }
    [[nodiscard]] const StepSeconds& seconds() const { return seconds_; }
    void reset_seconds() { seconds_ = {}; }

  private:
    /// Of a piece whose first sample has that place in the batch.
    void forward(const Samples& samples, std::size_t first);
    void backward(const ShardWork& work, const ShardPiece& piece);
    [[nodiscard]] bool loss_is_finite();
    /// What is to go on while this rank computes; null where nothing can.
    std::function<void()> progress();
    /// Finishes every layer of which `range` came last, while it is in cache: the step of an optimizer that
    /// needs the whole layer, and the packing.
    void finish_layers(ArenaRange range);

    class Sink;

    [[nodiscard]] Compression compression() const { return options_.reducer.compression; }
    [[nodiscard]] Sharding sharding() const { return options_.reducer.sharding; }
    void draw_parameters();
    /// The parameters of a range as they are before the first step.
    void first_parameters(ArenaRange range, std::span<float> parameters) const;
    /// Visits the parameters that this rank holds, with their place among them.
    template <class Visit>
    void for_each_held(const Visit& visit);
    /// What came back of a slice from the reducer: gradient sums, or with sharding new parameters.
    void update_slice(ArenaRange slice, std::span<const float> values);
    /// The reducer's update of what this rank owns of a bucket.
    void update_owned(std::size_t bucket, std::span<float> values);

    ReplicaOptions options_;
    Network network_;
    Workspace work_;
    Buffer<float> parameters_;            // none where they are sharded
    std::vector<std::size_t> to_update_;  // parameters of each layer that this step has not yet updated
    Samples samples_;                     // of the piece at hand
    std::vector<SampleMetrics> metrics_;  // (samples of the share)
    GradientReducer reducer_;             // with the gradients
    std::vector<std::size_t>
        first_owned_;  // (buckets) where this rank's elements begin in optimizer_'s state
    std::unique_ptr<Optimizer> optimizer_;
    Regulariser regulariser_;
    Buffer<float> whole_sums_;        // gradient sums, slice by slice, where something needs whole layers
    std::vector<double> block_sums_;  // of gradient_norm()
    Buffer<float> kept_;              // what keep() set aside
    std::unique_ptr<ShardedValues> sharded_;
    std::unique_ptr<ParameterSource> source_;
    std::optional<ErrorFeedback> feedback_;
    Overlap overlap_;
    UpdateStep step_;  // at hand
    DropoutDraw draw_;
    MetricsSum metrics_sum_;
    StepSeconds seconds_;
};

}  // namespace lockstep
