// The allreduce of gradients over hosts of several ranks: through shared memory inside a host, by messages
// between.
//
// Vocabulary. H hosts; `arena`: a vector of gradients, of which each rank has one for every leaf-tree node
// that it owns, in memory that all ranks of its host read (HostMemory). A flight is the reduction of one
// range of the arenas; several are under way at once. R rails, R being the ranks of the host that has the
// fewest: rail r joins the ranks number r of all hosts and carries part r of every range (slice_of_rank of
// R).
//
//   1. Each rank raises its `ready` flag for the flight.
//   2. When all ranks of the host are ready, rank r < R adds up part r of the values of the host's nodes, as
//      far as the tree lets it (split_by_host), straight from the others' arenas into its own first one, or
//      into scratch where several sums remain.
//   3. Rail r goes on with the tree between hosts: TreeAllreduce, halving or direct, over H in the place of
//      P and n / R values. With one host there is nothing to do.
//   4. Rank r raises its `summed` flag. The sum of part r lies in the first arena of rank r, where every
//      rank of the host reads it in place.
//
// One host: 2 steps, no message and no copy; a rank reads N n / P values and writes n / P.
//   time 2 F + (N / P) n m + (N - 1) / P n a
// H hosts of R ranks each: 2 F + the cost of TreeAllreduce for H ranks and n / R values, all rails at once:
// each host's link carries 2 (H - 1)/H n values each way, however many ranks it has. F is the time for a flag
// to reach another core, m that to read a value from memory, a that of an addition.
//
// A host where no shared memory can be had is as many hosts of one rank: the same steps, the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/host_layout.h"
#include "comm/host_memory.h"
#include "comm/spin_wait.h"
#include "comm/tree_allreduce.h"
#include "core/base/buffer.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

/// Elements `slice` of `arena` hold sums over all ranks.
struct SummedSlice {
    Slice slice;
    std::span<const float> arena;  ///< (arena_count)
};

/// Bytes that a rank wants to share, given its number on its host and the number of hosts as they are in the
/// end. Pure, and the same function on all ranks.
using SharedBytes = std::function<std::size_t(std::size_t local_rank, std::size_t hosts)>;

class HostAllreduce {
  public:
    struct Shape {
        std::size_t arena_count = 0;  ///< values of an arena
        std::size_t arenas = 1;       ///< of this rank: the most nodes it will ever own, at least 1
        std::size_t flights = 1;
        SharedBytes shared_bytes = nullptr;  ///< beside the arenas; null: none
        Compression compression = Compression::kNone;
    };

    /// Allocates the arenas, zero. `wanted` must put ranks on one host only where they can share memory;
    /// `comm` must outlive the object. Collective. Throws MpiError.
    HostAllreduce(const Communicator& comm, const HostLayout& wanted, Shape shape);
    HostAllreduce(const HostAllreduce&) = delete;  // the flights point at rail_
    HostAllreduce& operator=(const HostAllreduce&) = delete;

    /// This rank's arena i, (arena_count).
    [[nodiscard]] std::span<float> arena(std::size_t i) { return arena_of(local_rank_, i); }
    /// A rank's shared bytes, zero at first, from a cache line on.
    [[nodiscard]] std::span<std::byte> shared(std::size_t local_rank) const;
    /// The ranks of this host; the ranks with this one's number on their hosts, where it is a rail's.
    [[nodiscard]] const Communicator& host() const { return group_.host; }
    [[nodiscard]] const Communicator& rail() const { return rail_; }
    [[nodiscard]] std::size_t rails() const { return rails_; }
    /// Which ranks do share memory: what was wanted, except where no memory could be had.
    [[nodiscard]] const HostLayout& layout() const { return group_.layout; }

    /// Begins a step; from now on this rank's arenas may be written. Waits until the ranks of this host have
    /// called end() of the last step, that is, have done reading what lies in them.
    void begin(const LeafPartition& partition);
    /// Elements `range` of this rank's arenas, one for each of its nodes, are final. Once per flight and
    /// step; all ranks give a flight the same range. `owned` as in TreeAllreduce, its slice counted from the
    /// arena's start; a rank that owns nothing of the range is not called.
    void start(std::size_t flight, Slice range, const OwnedSum& owned = {});
    /// The elements of `range` whose sum this rank is the first to know, for every partition. The owned
    /// slices of all ranks make up the range; those of ranks beyond a host's rails are empty.
    [[nodiscard]] Slice owned(Slice range) const { return owned(range, layout().host_of(rank_)); }
    /// Of the rank with this one's number on another host.
    [[nodiscard]] Slice owned(Slice range, std::size_t host) const;
    /// Goes on with all flights without waiting.
    void progress();
    /// True when the flight's sum can be read on this rank.
    [[nodiscard]] bool done(std::size_t flight) const;
    /// Returns when it is; moves all flights meanwhile.
    void wait(std::size_t flight);
    /// Where the sums of a flight that is done lie, the parts in order, together the whole range. They stay
    /// until end().
    [[nodiscard]] std::span<const SummedSlice> sums(std::size_t flight);
    /// What this rank has sent to other hosts.
    [[nodiscard]] Traffic traffic() const;
    /// This rank has read what it wanted, and all its flights are done.
    void end();

  private:
    /// The ranks of this host and their memory, and how all ranks lie.
    struct Group {
        Communicator host;
        HostMemory memory;
        HostLayout layout;
    };
    static Group make_group(const Communicator& comm, const HostLayout& wanted, const Shape& shape);
    [[nodiscard]] std::size_t shared_bytes(std::size_t local_rank) const;

    enum class Phase { kIdle, kReady, kBetweenHosts, kSummed };
    struct Flight {
        TreeAllreduce<float> between_hosts;
        Phase phase = Phase::kIdle;
        Slice range = {};
        OwnedSum owned = {};
        Buffer<float> scratch = {};  // (sums that remain on this host, its part of the range)
    };

    void advance(std::size_t index);
    void sum_own_part(Flight& flight);
    /// Into how many parts a range is cut, and which is a rail's.
    [[nodiscard]] std::size_t parts(Slice range) const;
    [[nodiscard]] Slice part(Slice range, std::size_t rail) const;
    [[nodiscard]] std::span<float> arena_of(std::size_t local_rank, std::size_t i) const;
    [[nodiscard]] std::span<const float> node_values(std::size_t node, Slice slice) const;
    [[nodiscard]] std::uint64_t& flag(std::size_t local_rank, std::size_t which) const;
    void raise(std::size_t which);
    [[nodiscard]] bool raised_by_first(std::size_t ranks, std::size_t which) const;

    Shape shape_;
    Group group_;
    std::size_t rank_;
    std::size_t local_rank_;
    std::size_t rails_;
    Communicator rail_;
    SpinWait spin_;
    std::vector<Flight> flights_;
    std::uint64_t step_ = 0;
    LeafPartition partition_;  // of the step at hand
    TreeOverHosts tree_;
    std::vector<SummedSlice> sums_;                  // scratch
    std::vector<std::span<const float>> inputs_;     // scratch
    std::vector<std::span<const float>> host_sums_;  // scratch
};

}  // namespace lockstep
