// Sums the samples' metrics over a batch on all ranks: by the leaf tree, in double, so with the same bits
// everywhere. What the ranks ask for travels with them.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/tree_allreduce.h"
#include "core/data/batch_plan.h"
#include "core/network/objective.h"
#include "launcher/run/requests.h"

namespace lockstep {

class MetricsSum {
  public:
    /// `comm` must outlive the object.
    explicit MetricsSum(const Communicator& comm) : rank_(comm.rank()), allreduce_(comm, kTag) {}

    /// Begins to sum over the whole batch of which this rank's `shard` has the metrics `samples`. A leaf is a
    /// chain over its samples. Collective; every rank calls it, also one without samples. Shape: samples
    /// (shard.samples). `asked`: what this rank asks for.
    void start(const Shard& shard, std::size_t leaf, std::span<const SampleMetrics> samples,
               RunRequests asked = {});
    /// Goes on without waiting.
    void progress() { allreduce_.progress(); }
    /// Waits for the sums, which stay until the next start.
    SampleMetrics finish();
    /// What the ranks have asked for, all of them together: the same on every one, after finish.
    [[nodiscard]] RunRequests asked() const { return {sum_[2] > 0.0, sum_[3] > 0.0}; }
    /// start and finish.
    SampleMetrics over_batch(const Shard& shard, std::size_t leaf, std::span<const SampleMetrics> samples) {
        start(shard, leaf, samples);
        return finish();
    }

  private:
    /// The partition, with a node that has no leaves for each rank that would have none: what it asks for
    /// needs a place. The zeros that it adds change no sum, since no chain from +0 ends in -0.
    const LeafPartition& with_all_ranks(const LeafPartition& partition);

    // Beyond any bucket's: the tags of the gradient reducer count up from 0 on a communicator of its own.
    static constexpr int kTag = 1;
    std::size_t rank_;
    TreeAllreduce<double> allreduce_;
    std::vector<double> loss_;     // (leaves of one node)
    std::vector<double> correct_;  // (leaves of one node)
    std::vector<double> nodes_;    // (nodes of this rank, 4)
    std::array<double, 4> sum_{};  // loss, correct, ranks that ask to stop, for a checkpoint
    LeafPartition all_ranks_;
};

}  // namespace lockstep
