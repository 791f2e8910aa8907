// The two algorithms of tree_allreduce.h, each a chain of steps that ends when its messages have arrived.
#include "comm/tree_allreduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "comm/tree_sum.h"
#include "core/base/error.h"
#include "core/base/integers.h"

namespace lockstep {

namespace {

constexpr std::array kOneMerge{Merge{0, 1}};

void require(bool condition, const char* rule) {
    if (!condition) throw Error(ExitCode::kInternal, fmt::format("TreeAllreduce: {}", rule));
}

/// True when `merges` are, in order, those of a perfect binary tree over `nodes` nodes, a power of two: after
/// node i, one merge for each trailing one of i in binary, the subtrees' size doubling each time.
bool is_perfect_tree(std::size_t nodes, const std::vector<Merge>& merges) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < nodes; ++i) {
        for (std::size_t half = 1; (i & half) != 0; half *= 2, ++next) {
            const Merge perfect{i + 1 - 2 * half, i + 1 - half};
            if (next >= merges.size() || merges[next] != perfect) return false;
        }
    }
    return next == merges.size();
}

/// Halving's two halves of a slice: the lower rank of a pair keeps the lower one.
std::array<Slice, 2> halves_of(Slice whole) {
    const std::size_t lower = whole.count - whole.count / 2;
    return {Slice{whole.begin, lower}, Slice{whole.begin + lower, whole.count - lower}};
}

}  // namespace

TreeAlgorithm choose_algorithm(const LeafPartition& partition) {
    const std::size_t ranks = partition.ranks();
    if (!std::has_single_bit(ranks) || partition.nodes.size() != ranks) return TreeAlgorithm::kDirect;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        if (partition.node_count(rank) != 1) return TreeAlgorithm::kDirect;
    }
    return is_perfect_tree(ranks, partition.merges) ? TreeAlgorithm::kHalving : TreeAlgorithm::kDirect;
}

Slice slice_of_rank(std::size_t n, std::size_t rank, std::size_t ranks) {
    // Where every rank gets at least a cache line, two ranks' slices share none.
    const std::size_t unit = n / 16 >= ranks ? 16 : 1;
    const Piece piece = balanced_piece(n / unit, ranks, rank);
    const std::size_t begin = piece.begin * unit;
    const std::size_t end = rank + 1 == ranks ? n : begin + piece.size * unit;
    return {begin, end - begin};
}

Slice owned_slice(std::size_t n, std::size_t rank, std::size_t ranks) {
    if (!std::has_single_bit(ranks)) return slice_of_rank(n, rank, ranks);
    Slice slice{0, n};
    for (std::size_t distance = 1; distance < ranks; distance *= 2) {
        slice = halves_of(slice)[(rank & distance) != 0 ? 1 : 0];
    }
    return slice;
}

template <class T>
TreeAllreduce<T>::TreeAllreduce(const Communicator& comm, int tag, Compression compression)
    : comm_(&comm), compression_(compression), channel_(comm, tag) {}

template <class T>
Encoding TreeAllreduce<T>::up() const {
    switch (compression_) {
        case Compression::kNone:
            return Encoding::kPlain;
        case Compression::kBf16:
            return Encoding::kBf16;
        case Compression::kTopK:
            return Encoding::kSparse;
    }
    return Encoding::kPlain;
}

template <class T>
Encoding TreeAllreduce<T>::down() const {
    // What `ready` leaves in the place of the sum need not be what was compressed.
    return owned_.ready ? Encoding::kPlain : up();
}

template <class T>
void TreeAllreduce<T>::start(const LeafPartition& partition, std::span<const std::span<const T>> partials,
                             std::span<T> sum, OwnedSum owned) {
    require(done(), "a reduction is in flight");
    require(partition.ranks() == comm_->size(), "the partition is for another number of ranks");
    require(partials.size() == partition.node_count(comm_->rank()), "one span of partial sums for each node");
    for (const std::span<const T>& values : partials) {
        require(values.size() == sum.size(), "partial sums and sum have the same length");
    }
    sum_ = sum;
    owned_ = std::move(owned);
    if (partition.nodes.empty()) {
        std::ranges::fill(sum_, T{0});
        return;
    }
    if (choose_algorithm(partition) == TreeAlgorithm::kHalving) {
        if (sum_.data() != partials[0].data()) std::ranges::copy(partials[0], sum_.begin());
        step_ = 0;
        slices_.assign(1, {0, sum_.size()});
        phase_ = Phase::kHalving;
        start_halving_step();
    } else {
        merges_ = partition.merges;
        phase_ = Phase::kCollecting;
        start_collecting(partition, partials);
    }
}

template <class T>
bool TreeAllreduce<T>::progress() {
    while (!done() && channel_.test_all()) advance();
    return done();
}

template <class T>
void TreeAllreduce<T>::finish() {
    while (!done()) {
        channel_.wait_all();
        advance();
    }
}

template <class T>
void TreeAllreduce<T>::start_rows(const LeafPartition& partition, std::span<const T> partials,
                                  std::span<T> sum) {
    require(partials.size() == partition.node_count(comm_->rank()) * sum.size(),
            "one row for each node of the rank");
    rows_.clear();
    for (std::size_t row = 0; row < partition.node_count(comm_->rank()); ++row) {
        rows_.push_back(partials.subspan(row * sum.size(), sum.size()));
    }
    start(partition, rows_, sum);
}

/// The messages of the present step have all arrived and left: works on them, and starts the next step.
template <class T>
void TreeAllreduce<T>::advance() {
    switch (phase_) {
        case Phase::kHalving: {
            const std::span<T> mine = part(slices_.back());
            const std::array<std::span<const T>, 2> halves{mine, scratch(mine.size())};
            sum_tree<T>(halves, kOneMerge, mine, compression_);
            ++step_;
            return start_halving_step();
        }
        case Phase::kDoubling:
            slices_.pop_back();
            return start_doubling_step();
        case Phase::kCollecting:
            add_collected();
            return finish_owned(owned_slice(sum_.size(), comm_->rank(), comm_->size()), Phase::kSpreading);
        case Phase::kSpreading:
            phase_ = Phase::kDone;
            return;
        case Phase::kDone:
            return;
    }
}

/// The owned slice is complete: from here on the sum only spreads, if it does.
template <class T>
void TreeAllreduce<T>::finish_owned(Slice owned, Phase spreading) {
    if (owned_.ready) owned_.ready(owned);
    phase_ = owned_.spread ? spreading : Phase::kDone;
    if (phase_ == Phase::kDoubling) start_doubling_step();
    if (phase_ == Phase::kSpreading) start_spreading();
}

/// Exchanges halves of the slice with the partner.
template <class T>
void TreeAllreduce<T>::start_halving_step() {
    if (std::size_t{1} << step_ == comm_->size()) {
        return finish_owned(slices_.back(), Phase::kDoubling);
    }
    auto [keep, give] = halves_of(slices_.back());
    if (partner() < comm_->rank()) std::swap(keep, give);
    slices_.push_back(keep);
    channel_.send(std::span<const T>(part(give)), partner(), up());
    channel_.receive(scratch(keep.count), partner(), up());
}

/// Sends the slice this rank has and receives the other half of the one it came from.
template <class T>
void TreeAllreduce<T>::start_doubling_step() {
    if (step_ == 0) {
        phase_ = Phase::kDone;
        return;
    }
    --step_;
    const Slice have = slices_.back();
    const Slice whole = slices_[slices_.size() - 2];
    const bool have_lower = partner() > comm_->rank();
    const Slice missing{have_lower ? have.begin + have.count : whole.begin, whole.count - have.count};
    channel_.send(std::span<const T>(part(have)), partner(), down());
    channel_.receive(part(missing), partner(), down());
}

/// Brings every node's values of this rank's slice into the rows of scratch (nodes, slice), and sends the own
/// nodes' values to the owners of the other slices. Ranks are served in a different order by each, lest all
/// begin with 0.
template <class T>
void TreeAllreduce<T>::start_collecting(const LeafPartition& partition,
                                        std::span<const std::span<const T>> partials) {
    const std::size_t ranks = comm_->size();
    const Slice mine = owned_slice(sum_.size(), comm_->rank(), ranks);
    const std::span<T> rows = scratch(partition.nodes.size() * mine.count);
    for (std::size_t distance = 1; distance < ranks; ++distance) {
        const std::size_t to = (comm_->rank() + distance) % ranks;
        const Slice theirs = owned_slice(sum_.size(), to, ranks);
        for (const std::span<const T>& values : partials) {
            channel_.send(values.subspan(theirs.begin, theirs.count), to, up());
        }
    }
    for (std::size_t distance = 1; distance < ranks; ++distance) {
        const std::size_t from = (comm_->rank() + ranks - distance) % ranks;
        for (std::size_t node = partition.first_node[from]; node < partition.first_node[from + 1]; ++node) {
            channel_.receive(rows.subspan(node * mine.count, mine.count), from, up());
        }
    }
    std::size_t node = partition.first_node[comm_->rank()];
    for (const std::span<const T>& values : partials) {
        std::ranges::copy(values.subspan(mine.begin, mine.count),
                          rows.begin() + static_cast<std::ptrdiff_t>(node * mine.count));
        ++node;
    }
}

/// Adds the rows of scratch by the tree, to this rank's slice of the result.
template <class T>
void TreeAllreduce<T>::add_collected() {
    const std::span<T> mine = part(owned_slice(sum_.size(), comm_->rank(), comm_->size()));
    const std::size_t nodes = merges_.size() + 1;  // a tree has one merge less than nodes
    const std::span<const T> rows = scratch(nodes * mine.size());
    rows_.clear();
    for (std::size_t node = 0; node < nodes; ++node) {
        rows_.push_back(rows.subspan(node * mine.size(), mine.size()));
    }
    sum_tree<T>(rows_, merges_, mine, compression_);
}

/// Sends this rank's slice of the sum to all and receives theirs.
template <class T>
void TreeAllreduce<T>::start_spreading() {
    const std::size_t ranks = comm_->size();
    const std::span<const T> mine = part(owned_slice(sum_.size(), comm_->rank(), ranks));
    for (std::size_t distance = 1; distance < ranks; ++distance) {
        channel_.send(mine, (comm_->rank() + distance) % ranks, down());
    }
    for (std::size_t distance = 1; distance < ranks; ++distance) {
        const std::size_t from = (comm_->rank() + ranks - distance) % ranks;
        channel_.receive(part(owned_slice(sum_.size(), from, ranks)), from, down());
    }
}

template <class T>
std::span<T> TreeAllreduce<T>::scratch(std::size_t count) {
    if (scratch_.size() < count) scratch_ = Buffer<T>(count);
    return scratch_.span().first(count);
}

template class TreeAllreduce<float>;
template class TreeAllreduce<double>;

}  // namespace lockstep
