#include "launcher/replica.h"

#include <algorithm>

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

ShardBounds shard_bounds(const BatchPlan& plan, std::size_t rank, std::size_t ranks) {
    ShardBounds bounds;
    // All batches of an epoch but the last one have the same shape.
    for (const std::size_t step : {std::size_t{0}, plan.steps_per_epoch() - 1}) {
        const Shard shard = plan.shard(plan.batch(0, step), rank, ranks);
        bounds.nodes = std::max(bounds.nodes, shard.node_samples.size());
        bounds.samples = std::max(bounds.samples, shard.samples);
    }
    return bounds;
}

Replica::Replica(const Communicator& comm, const ReplicaOptions& options)
    : options_(options),
      network_(options.network, options.arithmetic),
      work_(options.network, options.bounds.samples),
      parameters_(network_.layout().arena_size()),
      to_update_(layer_counts(network_)),
      metrics_(options.bounds.samples),
      optimizer_(make_optimizer(options.optimizer, parameters_.size())),
      reducer_(comm, layer_counts(network_), options.bounds.nodes, options.reducer),
      metrics_sum_(comm) {
    network_.initialise(options.seed, parameters_.span());
    network_.pack(parameters());
}

SampleMetrics Replica::forward(const Shard& shard, const Samples& samples) {
    Stopwatch watch;
    network_.forward(parameters(), samples.x, work_);
    const auto metrics = std::span(metrics_).first(shard.samples);
    network_.evaluate(samples.targets, shard.samples, work_, metrics);
    seconds_.forward += watch.lap();
    const SampleMetrics sum = metrics_sum_.over_batch(shard, options_.leaf, metrics);
    seconds_.communication_exposed += watch.lap();
    return sum;
}

void Replica::update(const Shard& shard, const Samples& samples, std::size_t number,
                     std::size_t batch_samples) {
    Stopwatch watch;
    reducer_.begin(shard.partition);
    seconds_.communication_exposed += watch.lap();
    network_.backward(parameters(), samples.x, options_.leaf, node_gradients(shard), work_,
                      [&](std::size_t layer) {
                          const ArenaRange range = network_.layout().layer_range(layer);
                          reducer_.start(range.first, range.count);
                      });
    seconds_.backward += watch.lap();
    const UpdateStep step{number, options_.optimizer.learning_rate, 1.0F / static_cast<float>(batch_samples)};
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

std::span<const NodeGradient> Replica::node_gradients(const Shard& shard) {
    nodes_.clear();
    for (std::size_t n = 0; n < shard.node_samples.size(); ++n) {
        nodes_.push_back({shard.node_samples[n], reducer_.arenas()[n]});
    }
    return nodes_;
}

}  // namespace lockstep
