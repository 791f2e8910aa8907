#include "launcher/score/metrics_sum.h"

#include <algorithm>

#include "core/base/leaf_tree.h"

namespace lockstep {

const LeafPartition& MetricsSum::with_all_ranks(const LeafPartition& partition) {
    // Ranks without leaves are the last ones, where there are any.
    const std::size_t ranks = partition.ranks();
    if (partition.nodes.empty() || partition.node_count(ranks - 1) > 0) return partition;
    all_ranks_ = partition;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        if (partition.node_count(rank) > 0) continue;
        all_ranks_.merges.push_back({0, all_ranks_.nodes.size()});
        all_ranks_.nodes.push_back({partition.leaves, partition.leaves});
        all_ranks_.first_node[rank + 1] = all_ranks_.nodes.size();
    }
    return all_ranks_;
}

void MetricsSum::start(const Shard& shard, std::size_t leaf, std::span<const SampleMetrics> samples,
                       RunRequests asked) {
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
        nodes_.insert(nodes_.end(), 2, 0.0);
    }
    const LeafPartition& partition = with_all_ranks(shard.partition);
    nodes_.resize(partition.node_count(rank_) * sum_.size(), 0.0);
    if (!nodes_.empty()) {
        nodes_[2] = asked.stop ? 1.0 : 0.0;
        nodes_[3] = asked.checkpoint ? 1.0 : 0.0;
    }
    allreduce_.start_rows(partition, nodes_, sum_);
}

SampleMetrics MetricsSum::finish() {
    allreduce_.finish();
    return {sum_[0], sum_[1]};
}

}  // namespace lockstep
