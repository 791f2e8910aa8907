#include "launcher/train/replica.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/arithmetic/compression.h"
#include "core/arithmetic/elementwise.h"
#include "launcher/run/stopwatch.h"
#include "launcher/train/sharded_parameters.h"

namespace lockstep {

namespace {

std::vector<std::size_t> layer_counts(const Network& network) {
    std::vector<std::size_t> counts;
    for (std::size_t l = 0; l < network.layer_count(); ++l)
        counts.push_back(network.layout().layer_range(l).count);
    return counts;
}

GradientReducerOptions with_room(GradientReducerOptions options, const Network& network) {
    if (options.sharding == Sharding::kParameters) {
        options.shared_bytes =
            ShardedValues::shared_bytes(make_buckets(layer_counts(network), options.bucket_bytes));
    }
    return options;
}

}  // namespace

double hidden_share(double alone, double exposed) {
    return alone > 0.0 ? std::clamp(1.0 - exposed / alone, 0.0, 1.0) : 0.0;
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

ShardWork::ShardWork(const BatchPlan& plan, const Batch& batch, ShardCut cut, std::size_t rank,
                     std::size_t ranks)
    : batch_samples(batch.samples),
      whole_batch(batch.samples == plan.global_batch()),
      shard(plan.shard(batch, rank, ranks)),
      pieces(plan.pieces(batch, shard, rank, cut.micro_batch, cut.leaf_parts)) {
    first = shard.first - batch.first;
    leaves = shard.partition.ranges[rank];
}

Replica::Replica(const Communicator& comm, const ReplicaOptions& options)
    : options_(options),
      network_(options.network, options.arithmetic),
      work_(network_, options.bounds.piece_samples),
      parameters_(sharding() == Sharding::kParameters ? 0 : network_.layout().arena_size()),
      to_update_(layer_counts(network_)),
      metrics_(options.bounds.samples),
      reducer_(comm, layer_counts(network_), options.bounds.arenas, with_room(options.reducer, network_)),
      regulariser_(options.regularisation, network_.layout()),
      overlap_(progress()),
      metrics_sum_(comm) {
    std::size_t owned = 0;
    for (std::size_t bucket = 0; bucket < reducer_.buckets().size(); ++bucket) {
        first_owned_.push_back(owned);
        owned += reducer_.owned(bucket).count;
    }
    const bool all = sharding() == Sharding::kNone;
    optimizer_ = make_optimizer(options.optimizer, all ? network_.layout().arena_size() : owned);
    if (optimizer_->needs_whole_layers() || options.gradient_norm) {
        whole_sums_ = Buffer<float>(network_.layout().arena_size());
    }
    if (compression() == Compression::kTopK) {
        feedback_.emplace(options.bounds.leaves, network_.layout().arena_size(), options.kept_share);
    }
    draw_parameters();
}

void Replica::first_parameters(ArenaRange range, std::span<float> parameters) const {
    if (options_.initial.empty()) {
        network_.initialise(options_.seed, range, parameters);
    } else {
        std::ranges::copy(std::span(options_.initial).subspan(range.first, range.count), parameters.begin());
    }
}

void Replica::draw_parameters() {
    if (sharding() != Sharding::kParameters) {
        first_parameters({0, parameters_.size()}, parameters_.span());
        network_.pack(parameters_.span());
        source_ = std::make_unique<WholeArena>(network_.layout(), parameters_.span());
        return;
    }
    sharded_ = std::make_unique<ShardedValues>(reducer_);
    for (std::size_t bucket = 0; bucket < reducer_.buckets().size(); ++bucket) {
        const auto [begin, count] = reducer_.owned(bucket);
        first_parameters({begin, count}, sharded_->owned(bucket));
    }
    sharded_->publish();
    source_ = std::make_unique<ShardedParameters>(network_.layout(), reducer_.buckets(), *sharded_);
}

void Replica::forward(const ShardWork& work, std::size_t number, const ReadSamples& read) {
    Stopwatch watch;
    draw_ = {.seed = options_.seed, .step = static_cast<std::uint32_t>(number)};
    GradientReducer::Update update;
    if (sharding() != Sharding::kNone) {
        update = [this](std::size_t bucket, std::span<float> values) { update_owned(bucket, values); };
    }
    reducer_.begin(work.shard.partition, std::move(update));
    seconds_.communication_exposed += watch.lap();
    const auto metrics = std::span(metrics_).first(work.shard.samples);
    for (const ShardPiece& piece : work.pieces) {
        samples_ = read(piece.first, piece.samples);
        forward(samples_, work.first + piece.first);
        network_.evaluate(samples_.targets, piece.samples, work_,
                          metrics.subspan(piece.first, piece.samples));
        seconds_.forward += watch.lap();
        if (&piece == &work.pieces.back()) break;
        backward(work, piece);
        seconds_.backward += watch.lap();
    }
    metrics_sum_.start(work.shard, options_.leaf, metrics);
    seconds_.communication_exposed += watch.lap();
}

void Replica::forward(const Samples& samples, std::size_t first) {
    draw_.first = static_cast<std::uint32_t>(first);
    overlap_.during([&] { network_.forward(*source_, samples.x, work_, &draw_); });
}

void Replica::revisit(const ShardWork& work, const ReadSamples& read, const VisitPiece& visit) {
    for (const ShardPiece& piece : work.pieces) {
        const Samples samples = read(piece.first, piece.samples);
        forward(samples, work.first + piece.first);
        visit(piece.first, samples, work_);
    }
}

bool Replica::loss_is_finite() { return std::isfinite(metrics().loss); }

void Replica::backward(const ShardWork& work, std::size_t number, float learning_rate) {
    Stopwatch watch;
    step_ = {.number = number,
             .learning_rate = learning_rate,
             .mean_factor = network_.objective().mean_factor(work.batch_samples)};
    if (sharding() != Sharding::kNone) {
        const bool go_on = loss_is_finite();
        seconds_.communication_exposed += watch.lap();
        if (!go_on) return;
    }
    const double updating = seconds_.optimizer;
    backward(work, work.pieces.back());
    seconds_.backward += watch.lap() - (seconds_.optimizer - updating);
}

void Replica::discard() {
    // With sharding nothing was started.
    if (sharding() == Sharding::kNone) reducer_.finish();
}

void Replica::update() {
    Stopwatch watch;
    static_cast<void>(metrics());
    if (sharding() == Sharding::kParameters) {
        const double updating = seconds_.optimizer;
        reducer_.finish();
        sharded_->publish();
        seconds_.communication_exposed += watch.lap() - (seconds_.optimizer - updating);
        return;
    }
    for (auto sums = reducer_.finish_next(); !sums.empty(); sums = reducer_.finish_next()) {
        seconds_.communication_exposed += watch.lap();
        for (const auto& [slice, arena] : sums) {
            update_slice({slice.begin, slice.count}, arena.subspan(slice.begin, slice.count));
            finish_layers({slice.begin, slice.count});
        }
        seconds_.optimizer += watch.lap();
    }
    seconds_.communication_exposed += watch.lap();
}

void Replica::update_slice(ArenaRange slice, std::span<const float> values) {
    const std::span<float> parameters = parameters_.span().subspan(slice.first, slice.count);
    if (sharding() == Sharding::kOptimizer) {
        std::ranges::copy(values, parameters.begin());
        return;
    }
    if (whole_sums_.size() > 0) std::ranges::copy(values, whole_sums_.span().subspan(slice.first).begin());
    if (optimizer_->needs_whole_layers()) return;
    regulariser_.update(*optimizer_, step_, slice.first, slice.first, values, parameters);
}

double Replica::gradient_norm() {
    double sum = 0.0;
    for (std::size_t l = 0; l < network_.layer_count(); ++l) {
        const auto [first, count] = network_.layout().layer_range(l);
        block_sums_.resize(square_blocks(count));
        sum += square_sum(whole_sums_.span().subspan(first, count), block_sums_);
    }
    return std::sqrt(sum) * static_cast<double>(step_.mean_factor);
}

template <class Visit>
void Replica::for_each_held(const Visit& visit) {
    if (sharding() != Sharding::kParameters) return visit(0, parameters_.span());
    for (std::size_t bucket = 0; bucket < first_owned_.size(); ++bucket) {
        visit(first_owned_[bucket], sharded_->owned(bucket));
    }
}

void Replica::keep() {
    if (kept_.size() == 0) {
        std::size_t held = 0;
        for_each_held([&](std::size_t, std::span<float> values) { held += values.size(); });
        kept_ = Buffer<float>(held);
    }
    for_each_held([&](std::size_t first, std::span<float> values) {
        std::ranges::copy(values, kept_.span().subspan(first).begin());
    });
}

void Replica::restore() {
    for_each_held([&](std::size_t first, std::span<float> values) {
        std::ranges::copy(kept_.span().subspan(first, values.size()), values.begin());
    });
    if (sharded_) {
        sharded_->publish();
    } else {
        network_.pack(parameters_.span());
    }
}

void Replica::update_owned(std::size_t bucket, std::span<float> values) {
    const Stopwatch watch;
    const auto [begin, count] = reducer_.owned(bucket);
    if (sharding() == Sharding::kParameters) {
        regulariser_.update(*optimizer_, step_, begin, first_owned_[bucket], values, sharded_->owned(bucket));
    } else {
        const std::span<float> parameters = parameters_.span().subspan(begin, count);
        regulariser_.update(*optimizer_, step_, begin, first_owned_[bucket], values, parameters);
        std::ranges::copy(parameters, values.begin());
    }
    seconds_.optimizer += watch.seconds();
}

/// Takes the gradients of one piece: each part's are compressed, where they are, and added to those of
/// earlier parts while they are in cache; after the last piece they go to the reducer.
class Replica::Sink : public GradientSink {
  public:
    Sink(Replica& replica, const ShardWork& work, const ShardPiece& piece)
        : replica_(replica), work_(work), piece_(piece), last_(&piece == &work.pieces.back()) {}

    std::span<float> gradient(std::size_t layer, std::size_t part) override {
        if (part > 0) finish_part(layer, piece_.tree.parts[part - 1]);
        return run(layer, piece_.tree.parts[part].slot);
    }
    void gradient_done(std::size_t layer) override {
        if (!piece_.tree.parts.empty()) finish_part(layer, piece_.tree.parts.back());
        replica_.metrics_sum_.progress();
        if (replica_.sharding() == Sharding::kNone) start(layer);
    }
    void layer_done(std::size_t layer) override {
        // Once started, a layer's parameters may change at any moment.
        if (replica_.sharding() != Sharding::kNone) start(layer);
    }

  private:
    [[nodiscard]] std::span<float> run(std::size_t layer, std::size_t slot) {
        const auto [first, count] = replica_.network_.layout().layer_range(layer);
        return replica_.reducer_.gradient(slot, first, count);
    }
    void finish_part(std::size_t layer, const TreePiece::Part& part) {
        const std::span<float> sum = run(layer, part.slot);
        if (replica_.compression() == Compression::kBf16) round_to_bf16(sum);
        if (replica_.compression() == Compression::kTopK && work_.whole_batch) {
            const std::size_t first = replica_.network_.layout().layer_range(layer).first;
            replica_.feedback_->compress(part.leaves.begin - work_.leaves.begin, first, sum);
        }
        const auto add = replica_.compression() == Compression::kBf16 ? add_rounded : add_values;
        for (const auto& [into, from] : part.merges) add(run(layer, into), run(layer, from));
    }
    void start(std::size_t layer) {
        const auto [first, count] = replica_.network_.layout().layer_range(layer);
        if (last_) replica_.reducer_.start(first, count);
    }

    Replica& replica_;
    const ShardWork& work_;
    const ShardPiece& piece_;
    bool last_;
};

void Replica::backward(const ShardWork& work, const ShardPiece& piece) {
    Sink sink(*this, work, piece);
    overlap_.during(
        [&] { network_.backward(*source_, samples_.x, options_.leaf, piece.part_samples, work_, sink); });
}

std::function<void()> Replica::progress() {
    // Among ranks that share memory the sums are the CPU's own work: there is nothing to hide.
    if (reducer_.layout().hosts() == 1) return nullptr;
    return [this] {
        metrics_sum_.progress();
        reducer_.progress();
        if (sharded_) sharded_->progress();
    };
}

double Replica::reduction_seconds(const ShardWork& work) {
    GradientReducer::Update update;
    if (sharding() != Sharding::kNone) update = [](std::size_t /*bucket*/, std::span<float> /*values*/) {};
    std::array<double, 5> seconds{};
    for (double& each : seconds) {
        const Stopwatch watch;
        reducer_.begin(work.shard.partition, update);
        for (const auto& [begin, count] : reducer_.buckets()) {
            static_cast<void>(reducer_.gradient(0, begin, count));  // waits until there is memory for it
            reducer_.start(begin, count);
        }
        if (sharding() == Sharding::kParameters) {
            reducer_.finish();
        } else {
            while (!reducer_.finish_next().empty()) {
            }
        }
        each = watch.seconds();
    }
    std::ranges::sort(seconds);
    return seconds[seconds.size() / 2];
}

void Replica::finish_layers(ArenaRange range) {
    for (std::size_t l = 0; l < to_update_.size(); ++l) {
        const ArenaRange layer = network_.layout().layer_range(l);
        const std::size_t begin = std::max(layer.first, range.first);
        const std::size_t end = std::min(layer.first + layer.count, range.first + range.count);
        if (begin >= end) continue;
        to_update_[l] -= end - begin;
        if (to_update_[l] > 0) continue;
        if (optimizer_->needs_whole_layers()) {
            optimizer_->update(step_, layer.first, whole_sums_.span().subspan(layer.first, layer.count),
                               parameters_.span().subspan(layer.first, layer.count));
        }
        regulariser_.limit_norms(l, parameters_.span());
        network_.pack_layer(l, parameters_.span());
        to_update_[l] = layer.count;
    }
}

}  // namespace lockstep
