// The allreduce that follows the leaf tree: the same bits on any number of ranks.
//
// Vocabulary. P ranks; rank r holds one partial sum of n values for each node of the leaf tree that it owns
// (LeafPartition), N nodes in all. The merges are the additions that lead from the nodes to the root. A slice
// is the part of the n values whose sums a rank works out. A step is one round of messages that a rank waits
// for.
//
// Halving (recursive halving, then recursive doubling; Thakur, Rabenseifner, Gropp, "Optimization of
// collective communication operations in MPICH", 2005, section 4.5, with the distances in the reverse order).
// Where P is a power of two, every rank owns one node, and the merges are those of a perfect binary tree over
// the ranks, then step s = 0, 1, … pairs rank r with r xor 2^s: the two hold the sums of sibling subtrees of
// 2^s nodes for the same slice. Each keeps half of the slice, sends the other half, and adds what it
// receives: one level of the tree. After log2 P steps a rank holds the root's sum for n / P values. The same
// pairs in the reverse order then exchange their slices until everyone has all n. The distance must double,
// not halve as is usual, since it is the neighbours that the tree adds first; an addition of two values does
// not depend on which of them comes first. The leaves need not be a power of two: 6 leaves on 4 ranks (2 + 2,
// 1 + 1) or 15 on 4 (4, 4, 4, 3) qualify.
//   Steps 2 log2 P; a rank sends 2 (P - 1)/P n values in 2 log2 P messages;
//   time 2 log2 P (L + 2 o) + 2 (P - 1)/P n G + (P - 1)/P n a
//
// Direct. Any other partition: ranks that own none, one or several nodes, P of any value. The n values are
// cut into P slices, and every rank, also one without leaves, owns one. A rank sends each owner its nodes'
// values of that slice; the owner adds them up by the merges and sends the sums to all.
//   Steps 2; a rank with k nodes sends (k + 1) (P - 1)/P n values in (k + 1) (P - 1) messages;
//   time 2 L + 2 (N + P) o + (k + 1) (P - 1)/P n G + (N - 1)/P n a
//   One node on every rank: no more bytes than halving, but 2 (P - 1) messages instead of 2 log2 P.
//
// L is the latency, o the overhead of a message on the CPU, G the time per value on the wire (LogGP;
// Alexandrov et al., 1995), a that of one addition. Below a few KiB the messages decide, above the bytes.
//
// Neither can deadlock: all messages of a step are started before any is waited for. Sends are started before
// receives: a rank that comes late would else find the other's request to send, answer it, and so invite a
// long message before it asks to send its own; the answer to that then waits in the socket behind the long
// message, and the two, which could cross, go one after the other. On a link of 1 Gbit/s this order makes
// messages of 0.5 to 2 MiB up to 1.5 times as fast (Open MPI 4.1.4, TCP).
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "comm/channel.h"
#include "comm/communicator.h"
#include "core/arithmetic/compression.h"
#include "core/base/buffer.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

enum class TreeAlgorithm { kHalving, kDirect };

/// The algorithm that serves `partition`: halving wherever its pairs are the tree's.
TreeAlgorithm choose_algorithm(const LeafPartition& partition);

/// Values [begin, begin + count) of a vector.
struct Slice {
    std::size_t begin = 0;
    std::size_t count = 0;
    bool operator==(const Slice&) const = default;
};

/// The slice of n values that `rank` of `ranks` owns: whole cache lines where n allows, the first ranks the
/// longer. Empty for the last ranks where n is small. Requires rank < ranks.
Slice slice_of_rank(std::size_t n, std::size_t rank, std::size_t ranks);

/// The slice of n values whose sum `rank` is the first to know, in both algorithms and for every partition:
/// the one that halving leaves it with where the ranks are a power of two, slice_of_rank elsewhere.
Slice owned_slice(std::size_t n, std::size_t rank, std::size_t ranks);

/// What becomes of a sum between its two halves, the reduce-scatter and the allgather.
struct OwnedSum {
    /// Called once, on each rank, when the sum of its owned slice is complete; may change it in place, and
    /// what it leaves there is what the other ranks receive. Null: nothing. Not called without leaves.
    std::function<void(Slice owned)> ready = nullptr;
    /// false: no allgather; a rank's sum is then complete in its owned slice alone.
    bool spread = true;
};

/// An allreduce over the ranks of one communicator, T being float or double. It keeps its scratch: no
/// allocation after the first use with the largest n. One reduction at a time per object; objects with
/// different tags may have theirs in flight together, started and finished in any order.
///
/// All additions are made with denormals flushed, as the contract has it (ContractFloatMode).
template <class T>
class TreeAllreduce {
  public:
    /// `comm` must outlive the object. Local: no communication. With `compression` the sums travel in fewer
    /// bytes, and where it is kBf16 every addition is rounded: the partial sums must be bf16 then.
    explicit TreeAllreduce(const Communicator& comm, int tag = 0,
                           Compression compression = Compression::kNone);

    /// Begins a reduction: sends what can be sent and returns.
    ///   partials  (nodes of this rank) spans of n values each: the sums of this rank's nodes, ascending
    ///   sum       (n): the root's sum, once the reduction is done. It may be the same memory as
    ///             partials[0] and must otherwise not overlap them. n is the same on all ranks.
    /// Without leaves the sum is +0. The spans' memory must live and stay untouched until done; the spans
    /// themselves need not. Collective over all ranks, also those without nodes. Throws MpiError.
    void start(const LeafPartition& partition, std::span<const std::span<const T>> partials, std::span<T> sum,
               OwnedSum owned = {});
    /// Goes on as far as arrived messages allow, without waiting; true when the sum is complete.
    bool progress();
    /// Returns when the sum is complete. Other objects' reductions on this rank do not go on meanwhile, so
    /// ranks must finish several in the same order, or take turns with progress().
    void finish();
    /// What this rank has sent in all reductions.
    [[nodiscard]] Traffic traffic() const { return channel_.traffic(); }

    /// start, with the partial sums as rows: partials (nodes of this rank, n), sum (n). For metrics.
    void start_rows(const LeafPartition& partition, std::span<const T> partials, std::span<T> sum);

  private:
    enum class Phase { kDone, kHalving, kDoubling, kCollecting, kSpreading };

    [[nodiscard]] bool done() const { return phase_ == Phase::kDone; }
    void advance();
    void finish_owned(Slice owned, Phase spreading);
    void start_halving_step();
    void start_doubling_step();
    void start_collecting(const LeafPartition& partition, std::span<const std::span<const T>> partials);
    void add_collected();
    void start_spreading();
    [[nodiscard]] std::size_t partner() const { return comm_->rank() ^ (std::size_t{1} << step_); }
    std::span<T> scratch(std::size_t count);
    [[nodiscard]] std::span<T> part(Slice slice) const { return sum_.subspan(slice.begin, slice.count); }

    /// How sums travel towards the owners of the slices, and from there.
    [[nodiscard]] Encoding up() const;
    [[nodiscard]] Encoding down() const;

    const Communicator* comm_;
    Compression compression_;
    Channel<T> channel_;
    Phase phase_ = Phase::kDone;
    std::span<T> sum_;
    OwnedSum owned_;
    Buffer<T> scratch_;
    std::size_t step_ = 0;       // halving: the pairs are 2^step_ ranks apart
    std::vector<Slice> slices_;  // halving: what this rank holds after each step, the whole first
    std::vector<Merge> merges_;  // direct
    std::vector<std::span<const T>> rows_;
};

extern template class TreeAllreduce<float>;
extern template class TreeAllreduce<double>;

}  // namespace lockstep
