// Flags in the shared memory, the sum of one part by each rank, and the rails that go on from host to host.
#include "comm/host_allreduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "comm/agreement.h"
#include "comm/tree_sum.h"
#include "comm/watchdog.h"
#include "core/base/error.h"
#include "core/base/integers.h"

namespace lockstep {

namespace {

void require(bool condition, const char* rule) {
    if (!condition) throw Error(ExitCode::kInternal, fmt::format("HostAllreduce: {}", rule));
}

// A segment: the rank's flags, what it shares besides, then its arenas, each on a cache line of its own. A
// flag holds the number of the last step for which it was raised.
constexpr std::size_t kEnded = 0;
std::size_t ready(std::size_t flight) { return 1 + 2 * flight; }
std::size_t summed(std::size_t flight) { return 2 + 2 * flight; }

std::size_t flags_bytes(const HostAllreduce::Shape& shape) {
    return round_up((1 + 2 * shape.flights) * sizeof(std::uint64_t), kAlignment_bytes);
}
std::size_t shared_bytes_of(const HostAllreduce::Shape& shape, std::size_t local_rank, std::size_t hosts) {
    return shape.shared_bytes ? round_up(shape.shared_bytes(local_rank, hosts), kAlignment_bytes) : 0;
}
std::size_t arena_bytes(const HostAllreduce::Shape& shape) {
    return round_up(shape.arena_count * sizeof(float), kAlignment_bytes);
}

/// Values below which a part's own messages and cache lines cost more than a second adder saves.
constexpr std::size_t kLeast_part = 128;

bool same_nodes(const LeafPartition& a, const LeafPartition& b) {
    return a.leaves == b.leaves && a.nodes == b.nodes && a.first_node == b.first_node && a.merges == b.merges;
}

}  // namespace

HostAllreduce::Group HostAllreduce::make_group(const Communicator& comm, const HostLayout& wanted,
                                               const Shape& shape) {
    require(wanted.ranks() == comm.size(), "the layout is for another number of ranks");
    const auto segment_bytes = [&](std::size_t local_rank, std::size_t hosts) {
        return flags_bytes(shape) + shared_bytes_of(shape, local_rank, hosts) +
               shape.arenas * arena_bytes(shape);
    };
    Communicator host = comm.split(wanted.host_of(comm.rank()));
    std::optional<HostMemory> memory =
        agree(comm, [&] { return HostMemory::allocate(host, segment_bytes(host.rank(), wanted.hosts())); });
    if (!memory) host = host.split(host.rank());
    // A host's label is one of its ranks, the lowest. Where a host fell apart, one host has become several;
    // several stay several, so that those which did not fall apart have what they need.
    const auto label = static_cast<std::size_t>(host.min(static_cast<std::int64_t>(comm.rank())));
    HostLayout layout(comm.allgather_value(label));
    if (!memory) {
        // Alone on its host, a rank has private memory or none.
        agree(comm,
              [&] { memory.emplace(HostMemory::allocate(host, segment_bytes(0, layout.hosts())).value()); });
    }
    return {std::move(host), std::move(*memory), std::move(layout)};
}

HostAllreduce::HostAllreduce(const Communicator& comm, const HostLayout& wanted, Shape shape)
    : shape_(std::move(shape)),
      group_(make_group(comm, wanted, shape_)),
      rank_(comm.rank()),
      local_rank_(group_.host.rank()),
      rails_(layout().fewest_ranks()),
      // The ranks on no rail make up one more, which is not used.
      rail_(comm.split(std::min(local_rank_, rails_), layout().host_of(comm.rank()))),
      spin_(group_.host) {
    require(shape_.arenas > 0, "at least one arena");
    flights_.reserve(shape_.flights);
    for (std::size_t flight = 0; flight < shape_.flights; ++flight) {
        flights_.push_back({TreeAllreduce<float>(rail_, static_cast<int>(flight), shape_.compression)});
    }
}

void HostAllreduce::begin(const LeafPartition& partition) {
    require(partition.ranks() == layout().ranks(), "the partition is for another number of ranks");
    require(partition.node_count(rank_) <= shape_.arenas, "more nodes than arenas");
    if (step_ == 0 || !same_nodes(partition, partition_)) {
        partition_ = partition;
        tree_ = split_by_host(partition_, layout());
    }
    report_place(Place::kStepBegin);
    for (spin_.reset(); !raised_by_first(group_.host.size(), kEnded);) spin_.pause();
    ++step_;
}

void HostAllreduce::start(std::size_t flight, Slice range, const OwnedSum& owned) {
    flights_[flight].range = range;
    flights_[flight].owned = owned;
    raise(ready(flight));
    flights_[flight].phase = local_rank_ < parts(range) ? Phase::kReady : Phase::kSummed;
    advance(flight);
}

void HostAllreduce::progress() {
    for (std::size_t flight = 0; flight < flights_.size(); ++flight) advance(flight);
}

void HostAllreduce::advance(std::size_t index) {
    Flight& flight = flights_[index];
    if (flight.phase == Phase::kReady && raised_by_first(group_.host.size(), ready(index))) {
        sum_own_part(flight);
        flight.phase = Phase::kBetweenHosts;
    }
    if (flight.phase == Phase::kBetweenHosts && flight.between_hosts.progress()) {
        raise(summed(index));
        flight.phase = Phase::kSummed;
    }
}

/// Adds up this host's subtrees and sends them on their way to the other hosts'.
void HostAllreduce::sum_own_part(Flight& flight) {
    const Slice own = part(flight.range, local_rank_);
    const std::span<float> sum = arena(0).subspan(own.begin, own.count);
    const std::vector<HostSubtree>& subtrees = tree_.within[layout().host_of(rank_)];
    // One sum can be made where the result will be; several need memory that is no rank's input.
    if (subtrees.size() > 1 && flight.scratch.size() < subtrees.size() * own.count) {
        flight.scratch = Buffer<float>(subtrees.size() * own.count);
    }
    host_sums_.clear();
    for (std::size_t i = 0; i < subtrees.size(); ++i) {
        inputs_.clear();
        for (const std::size_t node : subtrees[i].nodes) inputs_.push_back(node_values(node, own));
        const std::span<float> target =
            subtrees.size() == 1 ? sum : flight.scratch.span().subspan(i * own.count, own.count);
        sum_tree<float>(inputs_, subtrees[i].merges, target, shape_.compression);
        host_sums_.emplace_back(target);
    }
    OwnedSum owned{nullptr, flight.owned.spread};
    if (flight.owned.ready) {
        owned.ready = [&flight, begin = own.begin](Slice slice) {
            flight.owned.ready({begin + slice.begin, slice.count});
        };
    }
    flight.between_hosts.start(tree_.across, host_sums_, sum, std::move(owned));
}

Slice HostAllreduce::owned(Slice range, std::size_t host) const {
    if (local_rank_ >= parts(range)) return {range.begin, 0};
    const Slice own = part(range, local_rank_);
    const Slice slice = owned_slice(own.count, host, layout().hosts());
    return {own.begin + slice.begin, slice.count};
}

bool HostAllreduce::done(std::size_t flight) const {
    const Slice range = flights_[flight].range;
    return flights_[flight].phase == Phase::kSummed && raised_by_first(parts(range), summed(flight));
}

void HostAllreduce::wait(std::size_t flight) {
    for (spin_.reset(); !done(flight); spin_.pause()) progress();
}

std::span<const SummedSlice> HostAllreduce::sums(std::size_t flight) {
    sums_.clear();
    for (std::size_t rail = 0; rail < parts(flights_[flight].range); ++rail) {
        sums_.push_back({part(flights_[flight].range, rail), arena_of(rail, 0)});
    }
    return sums_;
}

Traffic HostAllreduce::traffic() const {
    Traffic all;
    for (const Flight& flight : flights_) {
        const Traffic one = flight.between_hosts.traffic();
        all.sent += one.sent;
        all.plain += one.plain;
    }
    return all;
}

void HostAllreduce::end() {
    for (Flight& flight : flights_) flight.phase = Phase::kIdle;
    raise(kEnded);
}

std::size_t HostAllreduce::parts(Slice range) const {
    return std::clamp<std::size_t>(range.count / kLeast_part, 1, rails_);
}

Slice HostAllreduce::part(Slice range, std::size_t rail) const {
    const Slice within = slice_of_rank(range.count, rail, parts(range));
    return {range.begin + within.begin, within.count};
}

std::span<float> HostAllreduce::arena_of(std::size_t local_rank, std::size_t i) const {
    std::byte* arenas =
        group_.memory.segment(local_rank).data() + flags_bytes(shape_) + shared_bytes(local_rank);
    return {reinterpret_cast<float*>(arenas + i * arena_bytes(shape_)), shape_.arena_count};
}

std::size_t HostAllreduce::shared_bytes(std::size_t local_rank) const {
    return shared_bytes_of(shape_, local_rank, layout().hosts());
}

std::span<std::byte> HostAllreduce::shared(std::size_t local_rank) const {
    return group_.memory.segment(local_rank).subspan(flags_bytes(shape_), shared_bytes(local_rank));
}

/// A node's partial sums, on whichever rank of this host it is.
std::span<const float> HostAllreduce::node_values(std::size_t node, Slice slice) const {
    const std::vector<std::size_t>& first = partition_.first_node;
    const auto rank = static_cast<std::size_t>(std::ranges::upper_bound(first, node) - first.begin()) - 1;
    return arena_of(layout().local_rank(rank), node - first[rank]).subspan(slice.begin, slice.count);
}

std::uint64_t& HostAllreduce::flag(std::size_t local_rank, std::size_t which) const {
    return reinterpret_cast<std::uint64_t*>(group_.memory.segment(local_rank).data())[which];
}

/// What this rank has written before is seen by those who see the flag.
void HostAllreduce::raise(std::size_t which) {
    std::atomic_ref(flag(local_rank_, which)).store(step_, std::memory_order_release);
}

bool HostAllreduce::raised_by_first(std::size_t ranks, std::size_t which) const {
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        if (std::atomic_ref(flag(rank, which)).load(std::memory_order_acquire) < step_) return false;
    }
    return true;
}

}  // namespace lockstep
