// One rank's replica of the network: parameters, gradients and optimizer state, and a training step on them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/gradient_reducer.h"
#include "core/arithmetic/buffer.h"
#include "core/data/batch_plan.h"
#include "core/network/network.h"
#include "core/training/optimizer.h"
#include "launcher/metrics_sum.h"
#include "launcher/sample_reader.h"

namespace lockstep {

/// The most leaf-tree nodes and the most samples that a rank is ever given of a batch: what it holds memory
/// for.
struct ShardBounds {
    std::size_t nodes = 0;
    std::size_t samples = 0;
};
ShardBounds shard_bounds(const BatchPlan& plan, std::size_t rank, std::size_t ranks);

/// Where a step's time went, in seconds, summed over the steps since the last reset.
struct StepSeconds {
    double forward = 0.0;                ///< forward pass and loss
    double backward = 0.0;               ///< gradients and deltas
    double communication_exposed = 0.0;  ///< waiting for other ranks: what the computation did not hide
    double optimizer = 0.0;
};

struct ReplicaOptions {
    NetworkSpec network;
    Arithmetic arithmetic = Arithmetic::kFp32;
    std::uint64_t seed = 1;  ///< of the initial parameters
    std::size_t leaf = 32;   ///< samples
    OptimizerOptions optimizer;
    GradientReducerOptions reducer;
    ShardBounds bounds;
};

class Replica {
  public:
    /// Allocates everything a step needs and draws the initial parameters. `comm` must outlive the replica.
    /// Collective.
    Replica(const Communicator& comm, const ReplicaOptions& options);

    /// Forward pass and loss of this rank's shard; returns the metrics' sum over the whole batch. Collective.
    SampleMetrics forward(const Shard& shard, const Samples& samples);

    /// Backward pass of the samples just forwarded, the gradients' sum over all ranks, and the optimizer's
    /// step, which is the same on every rank. `number` counts the steps of the run from 1; `batch_samples` is
    /// the whole batch's size. Collective.
    void update(const Shard& shard, const Samples& samples, std::size_t number, std::size_t batch_samples);

    [[nodiscard]] const Network& network() const { return network_; }
    [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }
    /// Still holds the last forward pass.
    [[nodiscard]] Workspace& workspace() { return work_; }
    [[nodiscard]] const StepSeconds& seconds() const { return seconds_; }
    void reset_seconds() { seconds_ = {}; }

  private:
    [[nodiscard]] std::span<const NodeGradient> node_gradients(const Shard& shard);
    /// Packs every layer whose last parameters were just updated with `range`: while they are in cache.
    void pack_updated(ArenaRange range);

    ReplicaOptions options_;
    Network network_;
    Workspace work_;
    Buffer<float> parameters_;
    std::vector<std::size_t> to_update_;  // parameters of each layer that this step has not yet updated
    std::vector<NodeGradient> nodes_;     // of the step at hand
    std::vector<SampleMetrics> metrics_;  // (samples of the shard)
    std::unique_ptr<Optimizer> optimizer_;
    GradientReducer reducer_;  // with the gradients
    MetricsSum metrics_sum_;
    StepSeconds seconds_;
};

}  // namespace lockstep
