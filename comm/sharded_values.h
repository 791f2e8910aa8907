// Values that the ranks share out among themselves and read bucket by bucket: the parameters, with
// comm.shard = parameters.
//
// One host: one copy in the memory that its ranks share. An owner writes its elements there, and every rank
// reads a bucket where it lies: no message and no copy.
// H hosts: a rank keeps the elements it owns. To be read, a bucket is gathered into one of two places in its
// host's shared memory: rank r of every host sends what it owns to the other hosts' ranks r (rail r), which
// receive it where all ranks of their host read it. While one bucket is read the next one travels.
// Each host's link carries (H - 1)/H n values each way for n values gathered; H - 1 messages a rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/gradient_reducer.h"
#include "comm/requests.h"
#include "comm/spin_wait.h"
#include "core/base/buffer.h"

namespace lockstep {

class ShardedValues {
  public:
    /// What must be reserved for it (GradientReducerOptions::shared_bytes) where the reducer has these
    /// buckets.
    static SharedBytes shared_bytes(const std::vector<Slice>& buckets);

    /// Zero at first. `reducer` must have been made with shared_bytes of its buckets, and outlive the object.
    explicit ShardedValues(GradientReducer& reducer);
    ShardedValues(const ShardedValues&) = delete;
    ShardedValues& operator=(const ShardedValues&) = delete;

    /// This rank's elements of a bucket, reducer.owned(bucket), for it to write: in the reducer's update, or
    /// before publish().
    [[nodiscard]] std::span<float> owned(std::size_t bucket);
    /// The owners have written: after the reducer's finish(), and at the beginning. What bucket() returned is
    /// to be read no more. Collective.
    void publish();

    /// All values of a bucket, to be read until the next call or publish(). Starts to fetch `next`, which the
    /// next call should ask for. Collective: all ranks ask for the same in the same order. Throws MpiError.
    [[nodiscard]] std::span<const float> bucket(std::size_t bucket, std::optional<std::size_t> next);
    /// Moves what is on its way without waiting.
    void progress();

  private:
    /// A bucket on its way to this host, or there.
    struct Gather {
        std::size_t bucket;
        std::uint64_t number;  // counted from 1
    };
    [[nodiscard]] bool one_host() const { return hosts_.layout().hosts() == 1; }
    Gather start(std::size_t bucket);
    void finish(const Gather& gather);
    void release();
    [[nodiscard]] std::span<float> place(const Gather& gather) const;
    [[nodiscard]] std::uint64_t& flag(std::size_t local_rank, std::size_t which) const;
    void raise(std::size_t which, std::uint64_t number);
    void wait_for(std::size_t ranks, std::size_t which, std::uint64_t number);

    HostAllreduce& hosts_;
    const std::vector<Slice>& buckets_;
    std::size_t largest_ = 0;
    std::vector<std::size_t> first_owned_;  // (buckets): where a bucket's begin in own_
    Buffer<float> own_;                     // with several hosts
    SpinWait spin_;
    std::vector<Requests> requests_;  // (places)
    std::uint64_t gathers_ = 0;       // started
    std::optional<Gather> held_;
    std::optional<Gather> coming_;
};

}  // namespace lockstep
