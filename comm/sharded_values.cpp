// Two places on each host into which buckets are gathered in turn, and the flags that guard them.
#include "comm/sharded_values.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "comm/watchdog.h"
#include "core/base/error.h"

namespace lockstep {

namespace {

constexpr std::size_t kPlaces = 2;

// A rank's shared bytes: its flags, and on the host's first rank the values. A flag holds the number of the
// last gather that this rank has received its part of, or reads no more.
constexpr std::size_t kGathered = 0;
constexpr std::size_t kReleased = 1;
constexpr std::size_t kFlags_bytes = kAlignment_bytes;

std::size_t largest(const std::vector<Slice>& buckets) {
    return buckets.empty() ? 0 : std::ranges::max(buckets, {}, &Slice::count).count;
}

/// Values that lie in a host's shared memory.
std::size_t shared_count(const std::vector<Slice>& buckets, std::size_t hosts) {
    if (hosts > 1) return kPlaces * largest(buckets);
    std::size_t count = 0;
    for (const Slice& bucket : buckets) count += bucket.count;
    return count;
}

}  // namespace

SharedBytes ShardedValues::shared_bytes(const std::vector<Slice>& buckets) {
    return [buckets](std::size_t local_rank, std::size_t hosts) {
        return kFlags_bytes + (local_rank == 0 ? shared_count(buckets, hosts) * sizeof(float) : 0);
    };
}

ShardedValues::ShardedValues(GradientReducer& reducer)
    : hosts_(reducer.hosts()),
      buckets_(reducer.buckets()),
      largest_(largest(buckets_)),
      spin_(hosts_.host()),
      requests_(kPlaces, Requests(hosts_.rail().handle())) {
    if (one_host()) return;
    std::size_t count = 0;
    for (const Slice& bucket : buckets_) {
        first_owned_.push_back(count);
        count += hosts_.owned(bucket).count;
    }
    own_ = Buffer<float>(count);
}

std::span<float> ShardedValues::owned(std::size_t bucket) {
    const Slice owned = hosts_.owned(buckets_[bucket]);
    if (!one_host()) return own_.span().subspan(first_owned_[bucket], owned.count);
    auto* values = reinterpret_cast<float*>(hosts_.shared(0).data() + kFlags_bytes);
    return {values + owned.begin, owned.count};
}

void ShardedValues::publish() {
    if (coming_) throw Error(ExitCode::kInternal, "ShardedValues: publish while a bucket is on its way");
    release();
    report_place(Place::kParameters);
    if (one_host()) hosts_.host().barrier();
}

std::span<const float> ShardedValues::bucket(std::size_t bucket, std::optional<std::size_t> next) {
    if (one_host()) {
        const auto* values = reinterpret_cast<const float*>(hosts_.shared(0).data() + kFlags_bytes);
        return {values + buckets_[bucket].begin, buckets_[bucket].count};
    }
    if (!held_ || held_->bucket != bucket) {
        release();
        const Gather gather = coming_ ? *std::exchange(coming_, std::nullopt) : start(bucket);
        if (gather.bucket != bucket) {
            throw Error(ExitCode::kInternal, "ShardedValues: another bucket than was announced");
        }
        finish(gather);
        held_ = gather;
    }
    if (next && *next != bucket && !coming_) coming_ = start(*next);
    return place(*held_);
}

/// Waits until no rank of the host reads what lies in the gather's place, and sends and receives.
ShardedValues::Gather ShardedValues::start(std::size_t bucket) {
    const Gather gather{bucket, ++gathers_};
    if (gather.number > kPlaces) wait_for(hosts_.host().size(), kReleased, gather.number - kPlaces);
    const std::span<float> place = this->place(gather);
    const Slice range = buckets_[bucket];
    const auto part_of = [&](std::size_t host) {
        const Slice owned = hosts_.owned(range, host);
        return place.subspan(owned.begin - range.begin, owned.count);
    };
    const std::size_t hosts = hosts_.layout().hosts();
    const std::size_t host = hosts_.rail().rank();
    if (hosts_.host().rank() >= hosts_.rails()) return gather;
    const std::span<const float> own = owned(bucket);
    Requests& requests = requests_[gather.number % kPlaces];
    // The reducer's buckets have the tags before these.
    const int tag = static_cast<int>(buckets_.size() + gather.number % kPlaces);
    for (std::size_t distance = 1; distance < hosts; ++distance) {
        hosts_.rail().start_send(own, (host + distance) % hosts, tag, requests);
    }
    for (std::size_t distance = 1; distance < hosts; ++distance) {
        const std::size_t from = (host + hosts - distance) % hosts;
        hosts_.rail().start_receive(part_of(from), from, tag, requests);
    }
    std::ranges::copy(own, part_of(host).begin());
    return gather;
}

void ShardedValues::progress() {
    for (Requests& requests : requests_) requests.test_all();
}

void ShardedValues::finish(const Gather& gather) {
    report_place(Place::kParameters, gather.bucket);
    requests_[gather.number % kPlaces].wait_all();
    raise(kGathered, gather.number);
    wait_for(hosts_.rails(), kGathered, gather.number);
}

void ShardedValues::release() {
    if (held_) raise(kReleased, held_->number);
    held_.reset();
}

std::span<float> ShardedValues::place(const Gather& gather) const {
    auto* values = reinterpret_cast<float*>(hosts_.shared(0).data() + kFlags_bytes);
    return {values + gather.number % kPlaces * largest_, buckets_[gather.bucket].count};
}

std::uint64_t& ShardedValues::flag(std::size_t local_rank, std::size_t which) const {
    return reinterpret_cast<std::uint64_t*>(hosts_.shared(local_rank).data())[which];
}

/// What this rank has read and written before is so for those who see the flag.
void ShardedValues::raise(std::size_t which, std::uint64_t number) {
    std::atomic_ref(flag(hosts_.host().rank(), which)).store(number, std::memory_order_release);
}

/// Until the first `ranks` ranks of the host have raised the flag to `number`.
void ShardedValues::wait_for(std::size_t ranks, std::size_t which, std::uint64_t number) {
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        const std::atomic_ref<std::uint64_t> their(flag(rank, which));
        for (spin_.reset(); their.load(std::memory_order_acquire) < number;) spin_.pause();
    }
}

}  // namespace lockstep
