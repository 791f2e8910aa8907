#include "launcher/replica.h"

#include <algorithm>
#include <cmath>

#include "core/arithmetic/elementwise.h"
#include "core/arithmetic/threads.h"
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

void ShardBounds::widen(const Shard& shard) {
    nodes = std::max(nodes, shard.node_samples.size());
    spare_arenas = std::max(spare_arenas, shard.spare_arenas());
    samples = std::max(samples, shard.samples);
    piece_samples = std::max(piece_samples, shard.most_samples());
}

ShardBounds shard_bounds(const BatchPlan& plan, std::size_t rank, std::size_t ranks) {
    ShardBounds bounds;
    // All batches of an epoch but the last one have the same shape.
    for (const std::size_t step : {std::size_t{0}, plan.steps_per_epoch() - 1})
        bounds.widen(plan.shard(plan.batch(0, step), rank, ranks));
    return bounds;
}

Replica::Replica(const Communicator& comm, const ReplicaOptions& options)
    : options_(options),
      network_(options.network, options.arithmetic),
      work_(options.network, options.bounds.piece_samples),
      parameters_(network_.layout().arena_size()),
      to_update_(layer_counts(network_)),
      metrics_(options.bounds.samples),
      optimizer_(make_optimizer(options.optimizer, parameters_.size())),
      reducer_(comm, layer_counts(network_), options.bounds.nodes, options.reducer),
      metrics_sum_(comm) {
    for (std::size_t i = 0; i < options.bounds.spare_arenas; ++i)
        spare_arenas_.emplace_back(parameters_.size());
    network_.initialise(options.seed, parameters_.span());
    network_.pack(parameters());
}

SampleMetrics Replica::forward(const Shard& shard, const ReadPiece& read) {
    for (const Piece& piece : shard.pieces) {
        forward_piece(piece, read);
        if (&piece == &shard.pieces.back()) break;
        if (&piece == &shard.pieces.front()) begin_reduction(shard);
        backward_piece(shard, piece, false);
    }
    Stopwatch watch;
    const SampleMetrics sum =
        metrics_sum_.over_batch(shard, options_.leaf, std::span(metrics_).first(shard.samples));
    seconds_.communication_exposed += watch.lap();
    return sum;
}

void Replica::forward_piece(const Piece& piece, const ReadPiece& read) {
    samples_ = read(piece);
    const Stopwatch watch;
    network_.forward(parameters(), samples_.x, work_);
    network_.evaluate(samples_.targets, piece.samples, work_,
                      std::span(metrics_).subspan(piece.first, piece.samples));
    seconds_.forward += watch.seconds();
}

const Piece& Replica::forward_failed_piece(const Shard& shard, const ReadPiece& read) {
    const auto is_finite = [](const SampleMetrics& sample) { return std::isfinite(sample.loss); };
    std::size_t failed = 0;
    while (failed + 1 < shard.pieces.size()) {
        const Piece& piece = shard.pieces[failed];
        if (!std::ranges::all_of(std::span(metrics_).subspan(piece.first, piece.samples), is_finite)) break;
        ++failed;
    }
    forward_piece(shard.pieces[failed], read);
    return shard.pieces[failed];
}

/// From here on the gradients of this step may be written: no rank reads the last step's any more.
void Replica::begin_reduction(const Shard& shard) {
    const Stopwatch watch;
    reducer_.begin(shard.partition);
    seconds_.communication_exposed += watch.seconds();
}

void Replica::backward_piece(const Shard& shard, const Piece& piece, bool last) {
    const Stopwatch watch;
    subtrees_.clear();
    for (const auto& [samples, i] : piece.subtrees) subtrees_.push_back({samples, arena(shard, i)});
    const auto layer_done = [&](std::size_t layer) {
        const ArenaRange range = network_.layout().layer_range(layer);
        const ContractFloatMode float_mode;
        for (const auto& [into, from] : piece.merges) {
            add_values(arena(shard, into).subspan(range.first, range.count),
                       arena(shard, from).subspan(range.first, range.count));
        }
        if (last) reducer_.start(range.first, range.count);
    };
    network_.backward(parameters(), samples_.x, options_.leaf, subtrees_, work_, std::ref(layer_done));
    seconds_.backward += watch.seconds();
}

void Replica::update(const Shard& shard, std::size_t number, std::size_t batch_samples) {
    if (shard.pieces.size() == 1) begin_reduction(shard);
    backward_piece(shard, shard.pieces.back(), true);
    Stopwatch watch;
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

std::span<float> Replica::arena(const Shard& shard, std::size_t i) {
    const std::size_t nodes = shard.node_samples.size();
    return i < nodes ? reducer_.arenas()[i] : spare_arenas_[i - nodes].span();
}

}  // namespace lockstep
