#include "launcher/replica.h"

#include <algorithm>

#include "core/arithmetic/elementwise.h"
#include "launcher/stopwatch.h"

namespace lockstep {

namespace {

std::vector<std::size_t> layer_counts(const Network& network) {
    std::vector<std::size_t> counts;
    for (std::size_t l = 0; l < network.layer_count(); ++l)
        counts.push_back(network.layout().layer_range(l).count);
    return counts;
}

}  // namespace

ShardBounds shard_bounds(const BatchPlan& plan, std::size_t micro_batch, std::size_t rank,
                         std::size_t ranks) {
    ShardBounds bounds;
    // All batches of an epoch but the last one have the same shape.
    for (const std::size_t step : {std::size_t{0}, plan.steps_per_epoch() - 1}) {
        const ShardWork work(plan, plan.batch(0, step), micro_batch, rank, ranks);
        bounds.samples = std::max(bounds.samples, work.shard.samples);
        for (const ShardPiece& piece : work.pieces) {
            bounds.arenas = std::max(bounds.arenas, slot_count({&piece.tree, 1}));
            bounds.piece_samples = std::max(bounds.piece_samples, piece.samples);
        }
    }
    return bounds;
}

ShardWork::ShardWork(const BatchPlan& plan, const Batch& batch, std::size_t micro_batch, std::size_t rank,
                     std::size_t ranks)
    : batch_samples(batch.samples),
      shard(plan.shard(batch, rank, ranks)),
      pieces(plan.pieces(batch, shard, rank, micro_batch)) {}

Replica::Replica(const Communicator& comm, const ReplicaOptions& options)
    : options_(options),
      network_(options.network, options.arithmetic),
      work_(options.network, options.bounds.piece_samples),
      parameters_(network_.layout().arena_size()),
      to_update_(layer_counts(network_)),
      metrics_(options.bounds.samples),
      optimizer_(make_optimizer(options.optimizer, parameters_.size())),
      reducer_(comm, layer_counts(network_), options.bounds.arenas, options.reducer),
      metrics_sum_(comm) {
    network_.initialise(options.seed, parameters_.span());
    network_.pack(parameters());
}

SampleMetrics Replica::forward(const ShardWork& work, const ReadSamples& read) {
    Stopwatch watch;
    reducer_.begin(work.shard.partition);
    seconds_.communication_exposed += watch.lap();
    const auto metrics = std::span(metrics_).first(work.shard.samples);
    for (const ShardPiece& piece : work.pieces) {
        samples_ = read(piece.first, piece.samples);
        network_.forward(parameters(), samples_.x, work_);
        network_.evaluate(samples_.targets, piece.samples, work_,
                          metrics.subspan(piece.first, piece.samples));
        seconds_.forward += watch.lap();
        if (&piece == &work.pieces.back()) break;
        backward(piece, false);
        seconds_.backward += watch.lap();
    }
    const SampleMetrics sum = metrics_sum_.over_batch(work.shard, options_.leaf, metrics);
    seconds_.communication_exposed += watch.lap();
    return sum;
}

void Replica::revisit(const ShardWork& work, const ReadSamples& read, const VisitPiece& visit) {
    for (const ShardPiece& piece : work.pieces) {
        const Samples samples = read(piece.first, piece.samples);
        network_.forward(parameters(), samples.x, work_);
        visit(piece.first, samples, work_);
    }
}

void Replica::update(const ShardWork& work, std::size_t number) {
    Stopwatch watch;
    backward(work.pieces.back(), true);
    seconds_.backward += watch.lap();
    const UpdateStep step{number, options_.optimizer.learning_rate,
                          1.0F / static_cast<float>(work.batch_samples)};
    for (auto sums = reducer_.finish_next(); !sums.empty(); sums = reducer_.finish_next()) {
        seconds_.communication_exposed += watch.lap();
        for (const auto& [slice, gradients] : sums) {
            optimizer_->update(step, {slice.begin, slice.count}, gradients, parameters_.span());
            pack_updated({slice.begin, slice.count});
        }
        seconds_.optimizer += watch.lap();
    }
    seconds_.communication_exposed += watch.lap();
}

/// The gradients of the piece just forwarded, each layer's added to those of earlier pieces while it is in
/// cache. After the last piece a layer is complete.
void Replica::backward(const ShardPiece& piece, bool last) {
    nodes_.clear();
    for (std::size_t i = 0; i < piece.part_samples.size(); ++i) {
        nodes_.push_back({piece.part_samples[i], reducer_.arenas()[piece.tree.parts[i].slot]});
    }
    network_.backward(parameters(), samples_.x, options_.leaf, nodes_, work_, [&](std::size_t layer) {
        const auto [first, count] = network_.layout().layer_range(layer);
        for (const auto& [into, from] : piece.tree.merges) {
            add_values(reducer_.arenas()[into].subspan(first, count),
                       reducer_.arenas()[from].subspan(first, count));
        }
        if (last) reducer_.start(first, count);
    });
}

void Replica::pack_updated(ArenaRange range) {
    for (std::size_t l = 0; l < to_update_.size(); ++l) {
        const ArenaRange layer = network_.layout().layer_range(l);
        const std::size_t begin = std::max(layer.first, range.first);
        const std::size_t end = std::min(layer.first + layer.count, range.first + range.count);
        if (begin >= end) continue;
        to_update_[l] -= end - begin;
        if (to_update_[l] > 0) continue;
        network_.pack_layer(l, parameters());
        to_update_[l] = layer.count;
    }
}

}  // namespace lockstep
