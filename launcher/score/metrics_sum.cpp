#include "launcher/score/metrics_sum.h"

#include <algorithm>

#include "core/base/leaf_tree.h"

namespace lockstep {

void MetricsSum::start(const Shard& shard, std::size_t leaf, std::span<const SampleMetrics> samples) {
    nodes_.clear();
    for (const std::size_t count : shard.node_samples) {
        const auto node = samples.first(count);
        samples = samples.subspan(count);
        const std::size_t leaves = leaf_count(count, leaf);
        loss_.assign(leaves, 0.0);
        correct_.assign(leaves, 0.0);
        for (std::size_t i = 0; i < count; ++i) {
            loss_[i / leaf] += node[i].loss;
            correct_[i / leaf] += node[i].correct;
        }
        nodes_.push_back(tree_sum(loss_));
        nodes_.push_back(tree_sum(correct_));
    }
    allreduce_.start_rows(shard.partition, nodes_, sum_);
}

SampleMetrics MetricsSum::finish() {
    allreduce_.finish();
    return {sum_[0], sum_[1]};
}

}  // namespace lockstep
