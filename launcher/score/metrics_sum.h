// Sums the samples' metrics over a batch on all ranks: by the leaf tree, in double, so with the same bits
// everywhere.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/tree_allreduce.h"
#include "core/data/batch_plan.h"
#include "core/network/objective.h"

namespace lockstep {

class MetricsSum {
  public:
    /// `comm` must outlive the object.
    explicit MetricsSum(const Communicator& comm) : allreduce_(comm, kTag) {}

    /// Begins to sum over the whole batch of which this rank's `shard` has the metrics `samples`. A leaf is a
    /// chain over its samples. Collective; every rank calls it, also one without samples. Shape: samples
    /// (shard.samples).
    void start(const Shard& shard, std::size_t leaf, std::span<const SampleMetrics> samples);
    /// Goes on without waiting.
    void progress() { allreduce_.progress(); }
    /// Waits for the sums, which stay until the next start.
    SampleMetrics finish();
    /// start and finish.
    SampleMetrics over_batch(const Shard& shard, std::size_t leaf, std::span<const SampleMetrics> samples) {
        start(shard, leaf, samples);
        return finish();
    }

  private:
    // Beyond any bucket's: the tags of the gradient reducer count up from 0 on a communicator of its own.
    static constexpr int kTag = 1;
    TreeAllreduce<double> allreduce_;
    std::vector<double> loss_;     // (leaves of one node)
    std::vector<double> correct_;  // (leaves of one node)
    std::vector<double> nodes_;    // (nodes of this rank, 2)
    std::array<double, 2> sum_{};  // loss, correct
};

}  // namespace lockstep
