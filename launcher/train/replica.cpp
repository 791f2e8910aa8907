#include "launcher/train/replica.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "comm/agreement.h"
#include "comm/sharded_values.h"
#include "comm/watchdog.h"
#include "launcher/run/stopwatch.h"

namespace lockstep {

namespace {

std::vector<std::size_t> layer_counts(const Learner& learner) {
    std::vector<std::size_t> counts;
    for (std::size_t l = 0; l < learner.layer_count(); ++l) {
        counts.push_back(learner.layout().layer_range(l).count);
    }
    return counts;
}

GradientReducerOptions with_room(GradientReducerOptions options, const Learner& learner) {
    if (options.sharding == Sharding::kParameters) {
        options.shared_bytes =
            ShardedValues::shared_bytes(make_buckets(layer_counts(learner), options.bucket_bytes));
    }
    return options;
}

}  // namespace

Replica::Replica(const Communicator& comm, std::unique_ptr<Learner> learner, const ReplicaOptions& options)
    : comm_(comm),
      options_(options),
      learner_(std::move(learner)),
      reducer_(comm, layer_counts(*learner_), options.bounds.arenas, with_room(options.reducer, *learner_)),
      digests_(options.digests ? std::optional<StepDigests>(std::in_place, comm, layout()) : std::nullopt),
      // A rank that lacks the memory for any of these says so before the others wait for it.
      store_(agree(comm, [this] { return make_store(); })),
      feedback_(agree(comm, [this] { return make_feedback(); })),
      metrics_sum_(comm),
      collector_(reducer_, layout(),
                 {.compression = options.reducer.compression,
                  .feedback = feedback_ ? &*feedback_ : nullptr,
                  .after_reading = sharded(),
                  .turn = [this] { metrics_sum_.progress(); }}),
      overlap_(progress()),
      metrics_(agree(comm, [&] { return std::vector<SampleMetrics>(options.bounds.samples); })) {
    agree(comm, [&] {
        if (options.gradient_norms)
            norms_.emplace(comm, layout(), store_->summed_runs(), options.epoch_norms);
    });
    store_->share_first();
    options_.initial = {};  // the store has them
}

std::unique_ptr<ParameterStore> Replica::make_store() {
    const StoreOptions options{options_.optimizer, options_.regularisation, options_.gradient_norms,
                               digests_ ? &*digests_ : nullptr};
    const auto first = [this](ArenaRange range, std::span<float> into) { first_parameters(range, into); };
    return make_parameter_store(options_.reducer.sharding, options, *learner_, reducer_, first, recorder_);
}

std::optional<ErrorFeedback> Replica::make_feedback() const {
    if (options_.reducer.compression != Compression::kTopK) return std::nullopt;
    return ErrorFeedback(options_.bounds.leaves, layout().arena_size(), options_.kept_share);
}

void Replica::first_parameters(ArenaRange range, std::span<float> parameters) const {
    if (options_.initial.empty()) {
        learner_->initialise(options_.seed, range, parameters);
    } else {
        std::ranges::copy(std::span(options_.initial).subspan(range.first, range.count), parameters.begin());
    }
}

StepResult Replica::step(const ShardWork& work, std::size_t number, float learning_rate,
                         const ReadSamples& read, RunRequests asked, const StepHooks& hooks) {
    if (recorder_.trace != nullptr) {
        recorder_.trace->begin_step(number);
        if (!recorder_.trace->active()) trace(nullptr);
    }
    PhaseClock clock(recorder_);
    const auto begin = clock.last();
    const float mean_factor = learner_->mean_factor(work.batch_samples);
    draw_ = {.seed = options_.seed, .step = static_cast<std::uint32_t>(number)};
    collector_.begin_step(hooks.visit ? &hooks.visit : nullptr);
    store_->begin_step({.number = number, .learning_rate = learning_rate, .mean_factor = mean_factor});
    reducer_.begin(work.shard.partition, store_->updater());
    clock.lap(Phase::kCommunicationExposed);
    Samples samples;
    for (const ShardPiece& piece : work.pieces) {
        report_place(Place::kForward, number);
        samples = read(piece.first, piece.samples);
        clock.lap(Phase::kData);
        forward(work, piece, samples);
        clock.lap(Phase::kForward);
        if (&piece == &work.pieces.back()) break;
        backward(work, piece, samples);
        clock.lap(Phase::kBackward);
    }
    // The errors' sum travels while the last piece's gradients are computed. With sharding these may change
    // parameters, so there it comes first, and a step whose error is not finite ends before it has begun.
    metrics_sum_.start(work.shard, options_.leaf, std::span(metrics_).first(work.shard.samples), asked);
    const auto finite = [this] {
        report_place(Place::kMetrics);
        return std::isfinite(metrics_sum_.finish().loss);
    };
    const bool begun = !sharded() || finite();
    clock.lap(Phase::kCommunicationExposed);
    if (begun) backward(work, work.pieces.back(), samples);
    clock.lap(Phase::kBackward);
    StepResult result{.finite = finite(),
                      .metrics = metrics_sum_.finish(),
                      .gradient_norm = std::nullopt,
                      .asked = metrics_sum_.asked()};
    clock.lap(Phase::kCommunicationExposed);
    if (result.finite) {
        if (hooks.before_update) hooks.before_update();
        store_->finish_step();
        if (norms_) result.gradient_norm = norms_->of_step(store_->gradient_sums(), mean_factor);
    } else if (begun) {
        reducer_.finish();
    }
    if (recorder_.trace != nullptr) recorder_.trace->end_step(begin);
    return result;
}

void Replica::trace(Trace* trace) {
    recorder_.trace = trace;
    collector_.trace(trace);
    if (trace == nullptr) return reducer_.observe(nullptr);
    reducer_.observe([this](std::size_t bucket, bool is_done) {
        if (!is_done) return recorder_.trace->bucket_begins(bucket);
        recorder_.trace->bucket_ends(bucket, reducer_.buckets()[bucket].count * sizeof(float));
    });
}

void Replica::forward(const ShardWork& work, const ShardPiece& piece, const Samples& samples) {
    draw_.first = static_cast<std::uint32_t>(work.first + piece.first);
    const auto metrics = std::span(metrics_).subspan(piece.first, piece.samples);
    overlap_.during([&] { learner_->forward(store_->parameters(), samples, draw_, metrics); });
}

void Replica::backward(const ShardWork& work, const ShardPiece& piece, const Samples& samples) {
    collector_.begin(work, piece);
    overlap_.during([&] {
        learner_->backward(store_->parameters(), samples, options_.leaf, piece.node_samples, collector_);
    });
}

void Replica::gradient_of(const Samples& samples, std::size_t number, std::size_t first, GradientSink& sink) {
    report_place(Place::kForward, number);
    const std::size_t nodes[] = {samples.x.rows};
    std::vector<SampleMetrics> metrics(samples.x.rows);
    const DropoutDraw draw{.seed = options_.seed,
                           .step = static_cast<std::uint32_t>(number),
                           .first = static_cast<std::uint32_t>(first)};
    learner_->forward(store_->parameters(), samples, draw, metrics);
    learner_->backward(store_->parameters(), samples, options_.leaf,
                       std::span(nodes).first(samples.x.rows > 0 ? 1 : 0), sink);
}

void Replica::damage_parameters(const Damage& damage) {
    for (std::size_t l = 0; l < layout().layer_count(); ++l) {
        const ArenaRange layer = layout().layer_range(l);
        bool done = false;
        store_->visit_held([&](const ParameterStore::Held& run) {
            const std::size_t begin = std::max(layer.first, run.range.first);
            const std::size_t end = std::min(layer.first + layer.count, run.range.first + run.range.count);
            if (done || begin >= end) return;
            done = true;
            damage(l, run.parameters.subspan(begin - run.range.first, end - begin));
        });
    }
}

void Replica::revisit(const ShardWork& work, const ReadSamples& read, const VisitPiece& visit) {
    for (const ShardPiece& piece : work.pieces) {
        const Samples samples = read(piece.first, piece.samples);
        forward(work, piece, samples);
        visit(piece.first, samples);
    }
}

void Replica::make_room_for_best() {
    if (kept_) return;
    std::size_t held = 0;
    store_->visit_held([&](const ParameterStore::Held& run) { held += run.range.count; });
    kept_.emplace(held);
}

void Replica::keep() {
    make_room_for_best();
    std::span<float> room = kept_->span();
    store_->visit_held([&](const ParameterStore::Held& run) {
        std::ranges::copy(run.parameters, room.begin());
        room = room.subspan(run.range.count);
    });
}

void Replica::restore() {
    std::span<const float> kept = kept_->span();
    store_->visit_held([&](const ParameterStore::Held& run) {
        std::ranges::copy(kept.first(run.range.count), run.parameters.begin());
        kept = kept.subspan(run.range.count);
    });
    store_->parameters_written();
}

std::vector<StateArray> Replica::state_arrays() {
    std::vector<StateArray> arrays;
    const auto add = [&](std::string name, const auto& values_of) {
        StateArray& array = arrays.emplace_back(StateArray{std::move(name), {}});
        store_->visit_held([&](const ParameterStore::Held& run) {
            const std::span<float> values = values_of(run);
            if (!values.empty()) array.parts.push_back({run.range, values});
        });
    };
    using Held = ParameterStore::Held;
    const auto of_updated = [&](std::span<float> values) {
        return [values](const Held& run) { return values.subspan(run.state.first, run.state.count); };
    };
    add("parameters", [](const Held& run) { return run.parameters; });
    for (std::size_t i = 0; i < store_->optimizer().state_per_parameter(); ++i) {
        add("optimizer " + std::to_string(i), of_updated(store_->optimizer().state(i)));
    }
    if (options_.epoch_norms) add("gradient of the epoch", of_updated(norms_->epoch_sums()));
    if (kept_) {
        std::span<float> rest = kept_->span();
        add("best parameters", [&](const Held& run) {
            const std::span<float> values = rest.first(run.range.count);
            rest = rest.subspan(run.range.count);
            return values;
        });
    }
    if (!feedback_) return arrays;
    // The ranks have consecutive leaves of a whole batch, in their order.
    const std::vector<std::size_t> leaves = comm_.allgather_value(options_.bounds.leaves);
    const std::size_t size = layout().arena_size();
    std::size_t number = 0;
    for (std::size_t rank = 0; rank < leaves.size(); ++rank) {
        for (std::size_t leaf = 0; leaf < leaves[rank]; ++leaf, ++number) {
            StateArray& array =
                arrays.emplace_back(StateArray{"kept back of leaf " + std::to_string(number), {}});
            if (rank != comm_.rank()) continue;
            array.parts.push_back({{0, size}, feedback_->values().subspan(leaf * size, size)});
        }
    }
    return arrays;
}

void Replica::set_state(bool with_best, const FillState& fill) {
    agree(comm_, [&] {
        if (with_best) make_room_for_best();
    });
    if (!with_best) kept_.reset();
    const std::vector<StateArray> arrays = state_arrays();
    agree(comm_, [&] { fill_arrays(arrays, layout().arena_size(), fill); });
    store_->parameters_written();
}

std::function<void()> Replica::progress() {
    // Among ranks that share memory the sums are the CPU's own work: there is nothing to hide.
    if (reducer_.layout().hosts() == 1) return nullptr;
    return [this] {
        metrics_sum_.progress();
        reducer_.progress();
        store_->progress();
    };
}

double Replica::reduction_seconds(const ShardWork& work) {
    GradientReducer::Update update;
    if (sharded()) update = [](std::size_t /*bucket*/, std::span<float> /*values*/) {};
    std::array<double, 5> seconds{};
    for (double& each : seconds) {
        const Stopwatch watch;
        reducer_.begin(work.shard.partition, update);
        for (const auto& [begin, count] : reducer_.buckets()) {
            static_cast<void>(reducer_.gradient(0, begin, count));  // waits until there is memory for it
            reducer_.start(begin, count);
        }
        if (options_.reducer.sharding == Sharding::kParameters) {
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

}  // namespace lockstep
