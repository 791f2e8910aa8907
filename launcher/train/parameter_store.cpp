#include "launcher/train/parameter_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "comm/sharded_values.h"
#include "comm/watchdog.h"
#include "core/base/buffer.h"
#include "launcher/train/sharded_parameters.h"
#include "launcher/train/update_rule.h"

namespace lockstep {

namespace {

/// Parameters that this rank holds in one arena, and what is done when one of their layers is new.
class WholeParameters {
  public:
    WholeParameters(Learner& learner, const FirstParameters& first)
        : learner_(learner),
          arena_(learner.layout().arena_size()),
          source_(learner.layout(), arena_.span()),
          completion_(learner.layout()) {
        first({0, arena_.size()}, arena_.span());
        pack();
    }

    [[nodiscard]] std::span<float> arena() { return arena_.span(); }
    [[nodiscard]] std::span<float> at(ArenaRange range) {
        return arena_.span().subspan(range.first, range.count);
    }
    [[nodiscard]] ParameterSource& source() { return source_; }
    void pack() {
        for (std::size_t l = 0; l < learner_.layer_count(); ++l) pack_layer(l);
    }
    void pack_layer(std::size_t layer) {
        learner_.pack_layer(layer, at(learner_.layout().layer_range(layer)));
    }
    /// See LayerCompletion::add. A layer is finished while it is in cache.
    template <class Complete>
    void updated(ArenaRange range, const Complete& complete) {
        completion_.add(range, complete);
    }

  private:
    Learner& learner_;
    Buffer<float> arena_;
    WholeArena source_;
    LayerCompletion completion_;
};

/// Where this rank's elements of each bucket begin among all that it owns.
class OwnedElements {
  public:
    explicit OwnedElements(const GradientReducer& reducer) : reducer_(reducer) {
        for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket) {
            first_.push_back(count_);
            count_ += reducer.owned(bucket).count;
        }
    }
    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] std::size_t first(std::size_t bucket) const { return first_[bucket]; }
    [[nodiscard]] ArenaRange range(std::size_t bucket) const {
        const auto [begin, count] = reducer_.owned(bucket);
        return {begin, count};
    }
    /// In the order of their state: that of the buckets.
    [[nodiscard]] std::vector<ArenaRange> runs() const {
        std::vector<ArenaRange> runs;
        for (std::size_t bucket = 0; bucket < first_.size(); ++bucket) runs.push_back(range(bucket));
        return runs;
    }
    /// The buckets in the arena's order; that of the reducer is the other way round.
    template <class Visit>
    void for_each_bucket(const Visit& visit) const {
        for (std::size_t bucket = first_.size(); bucket-- > 0;) visit(bucket);
    }

  private:
    const GradientReducer& reducer_;
    std::vector<std::size_t> first_;  // (buckets)
    std::size_t count_ = 0;
};

/// The gradient's sums, slice by slice, where something needs them together; else no memory at all.
class KeptSums {
  public:
    explicit KeptSums(std::size_t count) : values_(count) {}

    void keep(std::size_t first, std::span<const float> sums) {
        if (values_.size() > 0) std::ranges::copy(sums, values_.span().subspan(first).begin());
    }
    [[nodiscard]] std::span<const float> values() const { return values_.span(); }

  private:
    Buffer<float> values_;
};

/// Gives the digests of a step what a store has, where they are wanted.
class DigestedValues {
  public:
    DigestedValues(StepDigests* digests, StepDigests::HeldBy held_by)
        : digests_(digests), held_by_(held_by) {}
    void gradient(ArenaRange range, std::span<const float> sums) const {
        if (digests_ != nullptr) digests_->add(StepDigests::kGradient, held_by_, range, sums);
    }
    void parameters(ArenaRange range, std::span<const float> values) const {
        if (digests_ != nullptr) digests_->add(StepDigests::kParameters, held_by_, range, values);
    }

  private:
    StepDigests* digests_;
    StepDigests::HeldBy held_by_;
};

/// Every rank holds and updates everything.
class WholeStore : public ParameterStore {
  public:
    WholeStore(const StoreOptions& options, Learner& learner, GradientReducer& reducer,
               const FirstParameters& first, PhaseRecorder& recorder)
        : reducer_(reducer),
          recorder_(recorder),
          whole_(learner, first),
          rule_(options.optimizer, options.regularisation, learner.layout(), learner.layout().arena_size()),
          sums_(rule_.needs_whole_layers() || options.gradient_sums ? learner.layout().arena_size() : 0),
          digested_(options.digests, StepDigests::kEveryRank) {}

    [[nodiscard]] ParameterSource& parameters() override { return whole_.source(); }
    void begin_step(const UpdateStep& step) override { rule_.begin(step); }
    [[nodiscard]] GradientReducer::Update updater() override { return nullptr; }
    void finish_step() override {
        PhaseClock clock(recorder_);
        for (auto sums = reducer_.finish_next(); !sums.empty(); sums = reducer_.finish_next()) {
            clock.lap(Phase::kCommunicationExposed);
            report_place(Place::kUpdate);
            for (const auto& [slice, arena] : sums) {
                update({slice.begin, slice.count}, arena.subspan(slice.begin, slice.count));
            }
            clock.lap(Phase::kOptimizer);
        }
        clock.lap(Phase::kCommunicationExposed);
    }
    [[nodiscard]] std::span<const float> gradient_sums() const override { return sums_.values(); }
    void visit_held(const VisitHeld& visit) override {
        const ArenaRange all{0, whole_.arena().size()};
        visit({all, whole_.arena(), all});
    }
    void parameters_written() override { whole_.pack(); }
    [[nodiscard]] Optimizer& optimizer() override { return rule_.optimizer(); }

  private:
    void update(ArenaRange range, std::span<const float> sums) {
        sums_.keep(range.first, sums);
        digested_.gradient(range, sums);
        if (!rule_.needs_whole_layers()) rule_.update(range.first, range.first, sums, whole_.at(range));
        whole_.updated(range, [this](std::size_t l, ArenaRange layer) {
            if (rule_.needs_whole_layers()) rule_.update_layer(layer, sums_.values(), whole_.arena());
            rule_.limit_norms(l, whole_.arena());
            digested_.parameters(layer, whole_.at(layer));
            whole_.pack_layer(l);
        });
    }

    GradientReducer& reducer_;
    PhaseRecorder& recorder_;
    WholeParameters whole_;
    UpdateRule rule_;
    KeptSums sums_;
    DigestedValues digested_;
};

/// Every rank holds all parameters, but updates and keeps state for what it owns; the others send theirs.
class OptimizerShardedStore : public ParameterStore {
  public:
    OptimizerShardedStore(const StoreOptions& options, Learner& learner, GradientReducer& reducer,
                          const FirstParameters& first, PhaseRecorder& recorder)
        : reducer_(reducer),
          recorder_(recorder),
          owned_(reducer),
          whole_(learner, first),
          rule_(options.optimizer, options.regularisation, learner.layout(), owned_.count()),
          sums_(options.gradient_sums ? owned_.count() : 0),
          digested_sums_(options.digests, StepDigests::kThisRank),
          digested_parameters_(options.digests, StepDigests::kEveryRank) {}

    [[nodiscard]] ParameterSource& parameters() override { return whole_.source(); }
    void begin_step(const UpdateStep& step) override { rule_.begin(step); }
    [[nodiscard]] GradientReducer::Update updater() override {
        return [this](std::size_t bucket, std::span<float> values) {
            const PhaseSpan updating(recorder_, Phase::kOptimizer);
            const ArenaRange range = owned_.range(bucket);
            sums_.keep(owned_.first(bucket), values);
            digested_sums_.gradient(range, values);
            rule_.update(range.first, owned_.first(bucket), values, whole_.at(range));
            std::ranges::copy(whole_.at(range), values.begin());
        };
    }
    void finish_step() override {
        PhaseClock clock(recorder_);
        for (auto news = reducer_.finish_next(); !news.empty(); news = reducer_.finish_next()) {
            clock.lap(Phase::kCommunicationExposed);
            report_place(Place::kUpdate);
            for (const auto& [slice, arena] : news) take({slice.begin, slice.count}, arena);
            clock.lap(Phase::kOptimizer);
        }
        clock.lap(Phase::kCommunicationExposed);
    }
    [[nodiscard]] std::span<const float> gradient_sums() const override { return sums_.values(); }
    [[nodiscard]] std::vector<ArenaRange> summed_runs() const override { return owned_.runs(); }
    void visit_held(const VisitHeld& visit) override {
        std::size_t end = 0;
        const auto visit_others_until = [&](std::size_t until) {
            const ArenaRange range{end, until - end};
            if (range.count > 0) visit({range, whole_.at(range), {0, 0}});
        };
        owned_.for_each_bucket([&](std::size_t bucket) {
            const ArenaRange range = owned_.range(bucket);
            if (range.count == 0) return;
            visit_others_until(range.first);
            visit({range, whole_.at(range), {owned_.first(bucket), range.count}});
            end = range.first + range.count;
        });
        visit_others_until(whole_.arena().size());
    }
    void parameters_written() override { whole_.pack(); }
    [[nodiscard]] Optimizer& optimizer() override { return rule_.optimizer(); }

  private:
    /// New parameters of a range, from their owner.
    void take(ArenaRange range, std::span<const float> arena) {
        std::ranges::copy(arena.subspan(range.first, range.count), whole_.at(range).begin());
        whole_.updated(range, [this](std::size_t l, ArenaRange layer) {
            rule_.limit_norms(l, whole_.arena());
            digested_parameters_.parameters(layer, whole_.at(layer));
            whole_.pack_layer(l);
        });
    }

    GradientReducer& reducer_;
    PhaseRecorder& recorder_;
    OwnedElements owned_;
    WholeParameters whole_;
    UpdateRule rule_;
    KeptSums sums_;
    DigestedValues digested_sums_;
    DigestedValues digested_parameters_;
};

/// A rank holds what it owns; passes read layers out of gathered buckets.
class ParameterShardedStore : public ParameterStore {
  public:
    ParameterShardedStore(const StoreOptions& options, Learner& learner, GradientReducer& reducer,
                          const FirstParameters& first, PhaseRecorder& recorder)
        : reducer_(reducer),
          recorder_(recorder),
          owned_(reducer),
          values_(reducer),
          source_(learner.layout(), reducer.buckets(), values_),
          rule_(options.optimizer, options.regularisation, learner.layout(), owned_.count()),
          sums_(options.gradient_sums ? owned_.count() : 0),
          digested_(options.digests, StepDigests::kThisRank) {
        visit_held([&](const Held& held) { first(held.range, held.parameters); });
    }

    void share_first() override { values_.publish(); }
    [[nodiscard]] ParameterSource& parameters() override { return source_; }
    void begin_step(const UpdateStep& step) override { rule_.begin(step); }
    [[nodiscard]] GradientReducer::Update updater() override {
        return [this](std::size_t bucket, std::span<float> sums) {
            const PhaseSpan updating(recorder_, Phase::kOptimizer);
            const ArenaRange range = owned_.range(bucket);
            sums_.keep(owned_.first(bucket), sums);
            digested_.gradient(range, sums);
            rule_.update(range.first, owned_.first(bucket), sums, values_.owned(bucket));
            digested_.parameters(range, values_.owned(bucket));
        };
    }
    void finish_step() override {
        PhaseClock clock(recorder_);
        reducer_.finish();
        values_.publish();
        clock.lap(Phase::kCommunicationExposed);
    }
    void progress() override { values_.progress(); }
    [[nodiscard]] std::span<const float> gradient_sums() const override { return sums_.values(); }
    [[nodiscard]] std::vector<ArenaRange> summed_runs() const override { return owned_.runs(); }
    void visit_held(const VisitHeld& visit) override {
        owned_.for_each_bucket([&](std::size_t bucket) {
            const ArenaRange range = owned_.range(bucket);
            if (range.count > 0) {
                visit({range, values_.owned(bucket), {owned_.first(bucket), range.count}});
            }
        });
    }
    void parameters_written() override { values_.publish(); }
    [[nodiscard]] Optimizer& optimizer() override { return rule_.optimizer(); }

  private:
    GradientReducer& reducer_;
    PhaseRecorder& recorder_;
    OwnedElements owned_;
    ShardedValues values_;
    ShardedParameters source_;
    UpdateRule rule_;
    KeptSums sums_;
    DigestedValues digested_;
};
}  // namespace

std::unique_ptr<ParameterStore> make_parameter_store(Sharding sharding, const StoreOptions& options,
                                                     Learner& learner, GradientReducer& reducer,
                                                     const FirstParameters& first, PhaseRecorder& recorder) {
    switch (sharding) {
        case Sharding::kOptimizer:
            return std::make_unique<OptimizerShardedStore>(options, learner, reducer, first, recorder);
        case Sharding::kParameters:
            return std::make_unique<ParameterShardedStore>(options, learner, reducer, first, recorder);
        case Sharding::kNone:
            break;
    }
    return std::make_unique<WholeStore>(options, learner, reducer, first, recorder);
}
}  // namespace lockstep
