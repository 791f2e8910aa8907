// Buckets of the arena, each with an allreduce of its own, started when complete.
#include "comm/gradient_reducer.h"

#include <fmt/format.h>

#include <algorithm>

#include "comm/watchdog.h"
#include "core/arithmetic/elementwise.h"
#include "core/base/error.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

void require(bool condition, const char* rule) {
    if (!condition) throw Error(ExitCode::kInternal, fmt::format("GradientReducer: {}", rule));
}

// With kParameters: one bucket's gradients are made while the one before is reduced.
constexpr std::size_t kLive_buckets = 2;

}  // namespace

std::vector<Slice> make_buckets(std::span<const std::size_t> block_counts, std::size_t bucket_bytes) {
    std::size_t begin = 0;
    for (const std::size_t count : block_counts) begin += count;
    std::vector<Slice> buckets;
    bool open = false;
    for (std::size_t block = block_counts.size(); block-- > 0;) {
        const std::size_t count = block_counts[block];
        begin -= count;
        if (count == 0) continue;
        if (open) {
            buckets.back() = {begin, buckets.back().count + count};
        } else {
            buckets.push_back({begin, count});
        }
        open = buckets.back().count * sizeof(float) < bucket_bytes;
    }
    return buckets;
}

std::size_t bucket_of(std::span<const Slice> buckets, std::size_t element) {
    const auto found = std::ranges::partition_point(buckets, [&](Slice b) { return b.begin > element; });
    return static_cast<std::size_t>(found - buckets.begin());
}

GradientReducer::GradientReducer(const Communicator& comm, std::span<const std::size_t> block_counts,
                                 std::size_t nodes, GradientReducerOptions options)
    : comm_(comm.duplicate()),
      options_(std::move(options)),
      buckets_(make_buckets(block_counts, options_.bucket_bytes)),
      mpi_sums_(buckets_.size(), Requests(comm_.handle())),
      missing_(buckets_.size()) {
    require(options_.sharding == Sharding::kNone || options_.reduction == Reduction::kTree,
            "MPI's sums cannot be sharded");
    require(options_.compression == Compression::kNone || options_.reduction == Reduction::kTree,
            "MPI's sums cannot be compressed");
    for (const Slice& bucket : buckets_) {
        arena_count_ += bucket.count;
        largest_ = std::max(largest_, bucket.count);
    }
    std::size_t begin = 0;
    first_block_.resize(buckets_.size());
    for (std::size_t block = 0; block < block_counts.size(); ++block) {
        if (block_counts[block] > 0 && buckets_[bucket_of(buckets_, begin)].begin == begin)
            first_block_[bucket_of(buckets_, begin)] = block;
        begin += block_counts[block];
    }
    const bool whole = options_.sharding != Sharding::kParameters;
    const HostAllreduce::Shape shape{whole ? arena_count_ : kLive_buckets * largest_,
                                     std::max<std::size_t>(1, nodes), buckets_.size(), options_.shared_bytes,
                                     options_.compression};
    allreduce_ = std::make_unique<HostAllreduce>(comm_, wanted_layout(), shape);
    for (std::size_t i = 0; i < shape.arenas; ++i) arenas_.push_back(allreduce_->arena(i));
}

HostLayout GradientReducer::wanted_layout() const {
    if (options_.reduction == Reduction::kMpi) return HostLayout::apart(comm_.size());
    return options_.host_labels.empty() ? HostLayout::of(comm_) : HostLayout(options_.host_labels);
}

void GradientReducer::begin(const LeafPartition& partition, Update update) {
    require(!in_step_, "begin before the last step is finished");
    require((update != nullptr) == (options_.sharding != Sharding::kNone), "an update exactly with sharding");
    require(update == nullptr || partition.leaves > 0, "no update without leaves");
    update_ = std::move(update);
    allreduce_->begin(partition);
    nodes_ = partition.node_count(comm_.rank());
    std::ranges::transform(buckets_, missing_.begin(), &Slice::count);
    started_ = 0;
    finished_ = 0;
    in_step_ = true;
}

void GradientReducer::start(std::size_t first, std::size_t count) {
    require(in_step_, "start without begin");
    require(first <= arena_count_ && count <= arena_count_ - first, "start beyond the arena");
    if (count == 0) return;
    for (std::size_t bucket = bucket_of(buckets_, first + count - 1); bucket < buckets_.size(); ++bucket) {
        const Slice slice = buckets_[bucket];
        const std::size_t begin = std::max(first, slice.begin);
        const std::size_t end = std::min(first + count, slice.begin + slice.count);
        if (begin >= end) return;
        require(end - begin <= missing_[bucket], "an element was started twice");
        missing_[bucket] -= end - begin;
        if (missing_[bucket] > 0) continue;
        if (observe_) {
            observe_(bucket, false);
            observed_.push_back(bucket);
        }
        start_bucket(bucket);
        if (observe_) notice_done();
    }
}

/// Where a bucket begins in the arenas' memory.
std::size_t GradientReducer::place(std::size_t bucket) const {
    return options_.sharding == Sharding::kParameters ? bucket % kLive_buckets * largest_
                                                      : buckets_[bucket].begin;
}

std::span<float> GradientReducer::gradient(std::size_t node, std::size_t first, std::size_t count) {
    if (count == 0) return {};
    const std::size_t bucket = bucket_of(buckets_, first);
    require(bucket < buckets_.size(), "a gradient beyond the arena");
    if (options_.sharding == Sharding::kParameters && bucket >= kLive_buckets) {
        report_place(Place::kGradients, first_block_[bucket - kLive_buckets]);
        allreduce_->wait(bucket - kLive_buckets);
    }
    return arenas_[node].subspan(place(bucket) + first - buckets_[bucket].begin, count);
}

void GradientReducer::start_bucket(std::size_t bucket) {
    if (options_.reduction == Reduction::kTree) {
        OwnedSum owned;
        if (update_) {
            owned.ready = [this, bucket](Slice slice) {
                update_(bucket, arenas_[0].subspan(slice.begin, slice.count));
            };
        }
        owned.spread = options_.sharding != Sharding::kParameters;
        return allreduce_->start(bucket, {place(bucket), buckets_[bucket].count}, owned);
    }
    // MPI's collectives must be called in the same order by all ranks.
    for (; started_ < buckets_.size() && missing_[started_] == 0; ++started_) {
        start_sum_by_mpi(buckets_[started_], mpi_sums_[started_]);
    }
}

void GradientReducer::start_sum_by_mpi(Slice bucket, Requests& requests) {
    const std::span<float> sum = arenas_[0].subspan(bucket.begin, bucket.count);
    const ContractFloatMode float_mode;
    if (nodes_ == 0) std::ranges::fill(sum, 0.0F);
    for (std::size_t node = 1; node < nodes_; ++node) {
        add_values(sum, arenas_[node].subspan(bucket.begin, bucket.count));
    }
    comm_.start_reduce_sum(sum, requests);
}

void GradientReducer::progress() {
    allreduce_->progress();
    for (Requests& requests : mpi_sums_) requests.test_all();
    if (observe_) notice_done();
}

bool GradientReducer::is_done(std::size_t bucket) {
    if (options_.reduction == Reduction::kTree) return allreduce_->done(bucket);
    return bucket < started_ && mpi_sums_[bucket].test_all();
}

void GradientReducer::notice_done() {
    std::erase_if(observed_, [this](std::size_t bucket) {
        const bool done = is_done(bucket);
        if (done) observe_(bucket, true);
        return done;
    });
}

std::span<const SummedSlice> GradientReducer::finish_next() {
    require(in_step_, "finish without begin");
    require(std::ranges::all_of(missing_, [](std::size_t count) { return count == 0; }),
            "finish before every element was started");
    if (finished_ == buckets_.size()) {
        allreduce_->end();
        in_step_ = false;
        return {};
    }
    const std::size_t bucket = finished_++;
    report_place(Place::kGradients, first_block_[bucket]);
    if (options_.reduction == Reduction::kTree) {
        allreduce_->wait(bucket);
        if (observe_) notice_done();
        return allreduce_->sums(bucket);
    }
    mpi_sums_[bucket].wait_all();
    if (observe_) notice_done();
    mpi_sum_ = {buckets_[bucket], arenas_[0]};
    return {&mpi_sum_, 1};
}

void GradientReducer::finish_all() {
    require(in_step_, "finish without begin");
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        report_place(Place::kGradients, first_block_[bucket]);
        allreduce_->wait(bucket);
        if (observe_) notice_done();
    }
    allreduce_->end();
    in_step_ = false;
}

void GradientReducer::finish() {
    if (options_.sharding == Sharding::kParameters) return finish_all();
    for (auto sums = finish_next(); !sums.empty(); sums = finish_next()) {
        for (const auto& [slice, arena] : sums) {
            // No rank reads the others' parts of this arena any more: they went into sums that are done.
            if (arena.data() != arenas_[0].data()) {
                std::ranges::copy(arena.subspan(slice.begin, slice.count),
                                  arenas_[0].begin() + static_cast<std::ptrdiff_t>(slice.begin));
            }
        }
    }
}

}  // namespace lockstep
