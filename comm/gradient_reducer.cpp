// Buckets of the arena, each with an allreduce of its own, started when complete.
#include "comm/gradient_reducer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arithmetic/elementwise.h"
#include "core/arithmetic/threads.h"
#include "core/error.h"

namespace lockstep {

namespace {

void require(bool condition, const char* rule) {
    if (!condition) throw Error(ExitCode::kInternal, fmt::format("GradientReducer: {}", rule));
}

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

GradientReducer::GradientReducer(const Communicator& comm, std::span<const std::size_t> block_counts,
                                 std::size_t nodes, GradientReducerOptions options)
    : comm_(comm.duplicate()),
      options_(std::move(options)),
      buckets_(make_buckets(block_counts, options_.bucket_bytes)),
      mpi_sums_(buckets_.size(), Requests(comm_.handle())),
      missing_(buckets_.size()) {
    for (const Slice& bucket : buckets_) arena_count_ += bucket.count;
    const HostAllreduce::Shape shape{arena_count_, std::max<std::size_t>(1, nodes), buckets_.size()};
    allreduce_ = std::make_unique<HostAllreduce>(comm_, wanted_layout(), shape);
    for (std::size_t i = 0; i < shape.arenas; ++i) arenas_.push_back(allreduce_->arena(i));
}

HostLayout GradientReducer::wanted_layout() const {
    if (options_.reduction == Reduction::kMpi) return HostLayout::apart(comm_.size());
    return options_.host_labels.empty() ? HostLayout::of(comm_) : HostLayout(options_.host_labels);
}

void GradientReducer::begin(const LeafPartition& partition) {
    require(!in_step_, "begin before the last step is finished");
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
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        const Slice slice = buckets_[bucket];
        const std::size_t begin = std::max(first, slice.begin);
        const std::size_t end = std::min(first + count, slice.begin + slice.count);
        if (begin >= end) continue;
        require(end - begin <= missing_[bucket], "an element was started twice");
        missing_[bucket] -= end - begin;
        if (missing_[bucket] == 0) start_bucket(bucket);
    }
}

void GradientReducer::start_bucket(std::size_t bucket) {
    if (options_.reduction == Reduction::kTree) return allreduce_->start(bucket, buckets_[bucket]);
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
    if (options_.reduction == Reduction::kTree) {
        allreduce_->wait(bucket);
        return allreduce_->sums(bucket);
    }
    mpi_sums_[bucket].wait_all();
    mpi_sum_ = {buckets_[bucket], arenas_[0]};
    return {&mpi_sum_, 1};
}

void GradientReducer::finish() {
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
