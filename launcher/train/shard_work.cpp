#include "launcher/train/shard_work.h"

#include <algorithm>

namespace lockstep {

ShardCut cut_of(const Config& config) {
    // Compression acts on every leaf.
    return {config.training.micro_batch, config.comm.compression != Compression::kNone};
}

std::vector<Slice> audit_windows(const Config& config, const ParameterLayout& layout) {
    constexpr std::size_t kMost_bytes = std::size_t{1} << 28;
    const bool fits = layout.arena_size() <= kMost_bytes / sizeof(float);
    if (config.comm.sharding != Sharding::kParameters && fits) return {};
    std::vector<std::size_t> layer_counts;
    for (std::size_t l = 0; l < layout.layer_count(); ++l) {
        layer_counts.push_back(layout.layer_range(l).count);
    }
    return make_buckets(layer_counts, config.comm.bucket_bytes());
}

ShardWork::ShardWork(const BatchPlan& plan, const Batch& batch, ShardCut cut, std::size_t rank,
                     std::size_t ranks)
    : batch_samples(batch.samples),
      whole_batch(batch.samples == plan.global_batch()),
      shard(plan.shard(batch, rank, ranks)),
      pieces(plan.pieces(batch, shard, rank, cut.micro_batch, cut.by_leaf)) {
    first = shard.first - batch.first;
    leaves = shard.partition.ranges[rank];
}

ShardBounds ShardBounds::most(const ShardBounds& other) const {
    return {std::max(leaves, other.leaves), std::max(arenas, other.arenas), std::max(samples, other.samples),
            std::max(piece_samples, other.piece_samples)};
}

ShardBounds shard_bounds(const BatchPlan& plan, ShardCut cut, std::size_t rank, std::size_t ranks) {
    ShardBounds bounds;
    // All batches of an epoch but the last one have the same shape.
    for (const std::size_t step : {std::size_t{0}, plan.steps_per_epoch() - 1}) {
        const ShardWork work(plan, plan.batch(0, step), cut, rank, ranks);
        if (work.whole_batch) bounds.leaves = work.leaves.count();
        bounds.samples = std::max(bounds.samples, work.shard.samples);
        for (const ShardPiece& piece : work.pieces) {
            bounds.arenas = std::max(bounds.arenas, slot_count({&piece.tree, 1}));
            bounds.piece_samples = std::max(bounds.piece_samples, piece.samples);
        }
    }
    return bounds;
}

}  // namespace lockstep
