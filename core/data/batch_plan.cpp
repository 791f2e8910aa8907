// The cutting of epochs into batches, of batches into shards, and the epoch's order.
#include "core/data/batch_plan.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/data/permutation.h"

namespace lockstep {

BatchPlan::BatchPlan(std::size_t dataset_size, std::size_t global_batch, std::size_t leaf, std::uint64_t seed,
                     SampleOrder order)
    : dataset_size_(dataset_size),
      global_batch_(std::min(global_batch, dataset_size)),
      leaf_(leaf),
      seed_(seed),
      order_(order) {
    if (dataset_size == 0 || global_batch == 0 || leaf == 0) {
        throw std::invalid_argument("batch plan: data set, global batch and leaf must not be empty");
    }
}

std::size_t BatchPlan::steps_per_epoch() const {
    return dataset_size_ / global_batch_ + (dataset_size_ % global_batch_ != 0 ? 1 : 0);
}

Batch BatchPlan::batch(std::size_t epoch, std::size_t step_in_epoch) const {
    if (step_in_epoch >= steps_per_epoch()) {
        throw std::out_of_range("batch plan: step " + std::to_string(step_in_epoch) + " of an epoch of " +
                                std::to_string(steps_per_epoch()));
    }
    Batch batch;
    batch.epoch = epoch;
    batch.step_in_epoch = step_in_epoch;
    batch.first = step_in_epoch * global_batch_;
    batch.samples = std::min(global_batch_, dataset_size_ - batch.first);
    batch.leaves = leaf_count(batch.samples, leaf_);
    return batch;
}

Shard BatchPlan::shard(const Batch& batch, std::size_t rank, std::size_t ranks) const {
    if (rank >= ranks)
        throw std::out_of_range("batch plan: rank " + std::to_string(rank) + " of " + std::to_string(ranks));
    Shard shard;
    shard.partition = partition_leaves(batch.leaves, ranks);
    // Only the batch's last leaf may be short, so a leaf's end is cut at the batch's.
    const auto end_of = [&](std::size_t leaf) { return std::min(leaf * leaf_, batch.samples); };
    const LeafRange range = shard.partition.ranges[rank];
    shard.first = batch.first + end_of(range.begin);
    shard.samples = end_of(range.end) - end_of(range.begin);
    for (std::size_t n = shard.partition.first_node[rank]; n < shard.partition.first_node[rank + 1]; ++n) {
        const LeafRange node = shard.partition.nodes[n];
        shard.node_samples.push_back(end_of(node.end) - end_of(node.begin));
    }
    return shard;
}

std::vector<ShardPiece> BatchPlan::pieces(const Batch& batch, const Shard& shard, std::size_t rank,
                                          std::size_t micro_batch, bool by_leaf) const {
    std::vector<ShardPiece> pieces;
    std::size_t first = 0;
    const auto nodes = shard.partition.nodes_of(rank);
    const std::size_t most = micro_batch / leaf_;
    for (TreePiece& tree : by_leaf ? cut_into_leaves(nodes, most) : cut_into_pieces(nodes, most)) {
        ShardPiece piece{first, 0, std::move(tree), {}};
        for (const auto& [leaves, slot, merges] : piece.tree.nodes) {
            piece.node_samples.push_back(std::min(leaves.end * leaf_, batch.samples) - leaves.begin * leaf_);
            piece.samples += piece.node_samples.back();
        }
        first += piece.samples;
        pieces.push_back(std::move(piece));
    }
    return pieces;
}

std::vector<std::uint64_t> BatchPlan::order(std::size_t epoch) const {
    if (order_ == SampleOrder::kCyclic) {
        std::vector<std::uint64_t> order(dataset_size_);
        std::iota(order.begin(), order.end(), std::uint64_t{0});
        return order;
    }
    return permutation(dataset_size_, RandomStream(seed_, RandomPurpose::kSampleOrder),
                       static_cast<std::uint32_t>(epoch));
}

}  // namespace lockstep
