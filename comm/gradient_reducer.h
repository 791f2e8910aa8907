// Sums the gradients of all ranks, bucket by bucket, as backpropagation finishes them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/host_allreduce.h"
#include "comm/requests.h"
#include "comm/tree_allreduce.h"
#include "core/base/leaf_tree.h"
#include "core/base/names.h"

namespace lockstep {

/// Who adds the gradients up.
enum class Reduction {
    kTree,  ///< the leaf tree: the same bits on any number of ranks
    kMpi,   ///< MPI_Iallreduce, for comparison: the order is MPI's, and the promise is withdrawn
};
template <>
inline constexpr std::array<std::string_view, 2> names_of<Reduction>{"tree", "mpi"};

/// What is divided among the ranks instead of being held by all. Never changes bits.
enum class Sharding {
    kNone,        ///< nothing: every rank updates every parameter
    kOptimizer,   ///< a rank keeps state for, and updates, the elements it owns; then the parameters spread
    kParameters,  ///< the sums do not spread; gradients live for a bucket or two at a time
};
template <>
inline constexpr std::array<std::string_view, 3> names_of<Sharding>{"none", "optimizer", "parameters"};

struct GradientReducerOptions {
    Reduction reduction = Reduction::kTree;
    /// Layer blocks are grouped until a bucket has at least this many bytes; a larger block is a bucket of
    /// its own. Smaller buckets start sooner and hide more, larger ones pay fewer latencies. Never changes
    /// bits. 1 MiB: within a host no size from 1 to 48 MiB was measurably better; between hosts see
    /// README.md.
    std::size_t bucket_bytes = std::size_t{1} << 20;
    /// (ranks) labels of the hosts, equal ones sharing memory; empty: as MPI finds them. Never changes bits.
    std::vector<std::size_t> host_labels = {};
    /// Other than kNone requires kTree.
    Sharding sharding = Sharding::kNone;
    /// Memory beside the arenas that this rank wants to share with the host's others (HostAllreduce).
    SharedBytes shared_bytes = nullptr;
    /// Other than kNone requires kTree, and gradients of nodes that were added up as compression.h has it.
    Compression compression = Compression::kNone;
};

/// Cuts the arena into buckets: runs of whole blocks, grouped from the last block down, since backpropagation
/// finishes the last layer first. `block_counts`: values in each layer's block, in the arena's order.
/// Returns the buckets in the order in which they will be reduced, the arena's end first. Requires
/// bucket_bytes > 0.
std::vector<Slice> make_buckets(std::span<const std::size_t> block_counts, std::size_t bucket_bytes);

/// Which of them holds that element of the arena. Cost: a binary search.
std::size_t bucket_of(std::span<const Slice> buckets, std::size_t element);

/// The gradient sum over the ranks. It owns the arenas for the gradients, since other ranks read them there
/// (HostAllreduce). A step is begin, start for each layer, and finish_next for each bucket:
///
///     reducer.begin(shard.partition);
///     // The last layer comes first.
///     backward(..., reducer.arenas(), [&](first, count) { reducer.start(first, count); });
///     for (auto sums = reducer.finish_next(); !sums.empty(); sums = reducer.finish_next()) update(sums);
///
/// Every rank, also one without leaves, makes the same calls. Errors are MpiError.
///
/// With sharding, begin takes an `update` that is called, sometime between a bucket's start and its finish,
/// with the sums of the elements that this rank owns of it. In kOptimizer it leaves the new parameters in
/// their place, and finish_next returns where all ranks' new parameters lie. In kParameters it is the last to
/// see the sums, and finish() ends the step. An element may be started only when this rank reads its
/// parameter no more.
class GradientReducer {
  public:
    /// values: the sums of owned(bucket).
    using Update = std::function<void(std::size_t bucket, std::span<float> values)>;

    /// Block sizes as in make_buckets; their sum is the arena's length. `nodes`: the most leaf-tree nodes
    /// that this rank will own; it may be 0, and differ between ranks. Collective.
    GradientReducer(const Communicator& comm, std::span<const std::size_t> block_counts, std::size_t nodes,
                    GradientReducerOptions options);
    GradientReducer(const GradientReducer&) = delete;  // the allreduce points at comm_
    GradientReducer& operator=(const GradientReducer&) = delete;

    /// The memory for the gradients of each of this rank's nodes, ascending: (max(1, nodes)) spans of
    /// arena_count values, zero at first. Written between begin and start only. Not with kParameters, where
    /// there are no whole arenas.
    [[nodiscard]] std::span<const std::span<float>> arenas() const { return arenas_; }
    /// The memory for elements [first, first + count) of a node's gradients, which lie in one bucket. With
    /// kParameters it is that of the last bucket but one, so that buckets must be asked for in their order;
    /// waits until that has been reduced.
    [[nodiscard]] std::span<float> gradient(std::size_t node, std::size_t first, std::size_t count);
    /// The elements of a bucket that this rank updates, in all steps; the ranks' together are the bucket.
    [[nodiscard]] Slice owned(std::size_t bucket) const { return allreduce_->owned(buckets_[bucket]); }

    /// Begins a step. Waits until the ranks of this host have finished the last one. Requires that this rank
    /// owns no more nodes of `partition` than it has arenas, and that the last step is finished.
    void begin(const LeafPartition& partition, Update update = nullptr);

    /// Elements [first, first + count) of the arenas of all nodes are final on this rank. Buckets that are
    /// complete by this start to be reduced. Each element is given exactly once a step.
    void start(std::size_t first, std::size_t count);

    /// Moves the reductions in flight without waiting. Nothing moves between calls, so a long computation
    /// calls this now and then to hide the communication behind it.
    void progress();

    /// Waits for the next bucket, in the order of buckets(), and returns where the sums of the whole batch
    /// lie, not divided: slices that together are the bucket. After the last one it returns none, which
    /// finishes the step: until then all sums stay where they are, and the arenas must not be written. Throws
    /// Error if start has not been given every element.
    [[nodiscard]] std::span<const SummedSlice> finish_next();

    /// Finishes all buckets with a copy of the sums in arenas()[0]; the other arenas are left undefined. With
    /// kParameters without a copy: the updates of all ranks have been made.
    void finish();

    /// Tells when a bucket begins to be reduced, and when this rank finds that it is done, which it looks for
    /// whenever it moves the reductions. Between steps.
    using Observe = std::function<void(std::size_t bucket, bool is_done)>;
    void observe(Observe observe) { observe_ = std::move(observe); }

    /// What this rank has sent to other hosts.
    [[nodiscard]] Traffic traffic() const { return allreduce_->traffic(); }
    [[nodiscard]] std::size_t arena_count() const { return arena_count_; }
    /// In the order in which they are reduced.
    [[nodiscard]] const std::vector<Slice>& buckets() const { return buckets_; }
    /// The ranks that share memory.
    [[nodiscard]] const HostLayout& layout() const { return allreduce_->layout(); }
    /// What reduces the buckets: the ranks of the host, and the memory they share.
    [[nodiscard]] HostAllreduce& hosts() { return *allreduce_; }

  private:
    [[nodiscard]] HostLayout wanted_layout() const;
    [[nodiscard]] std::size_t place(std::size_t bucket) const;
    void start_bucket(std::size_t bucket);
    void finish_all();
    [[nodiscard]] bool is_done(std::size_t bucket);
    /// Tells the observer of the buckets that are done.
    void notice_done();
    void start_sum_by_mpi(Slice bucket, Requests& requests);

    Communicator comm_;
    GradientReducerOptions options_;
    std::size_t arena_count_ = 0;
    std::size_t largest_ = 0;  // values of the largest bucket
    std::vector<Slice> buckets_;
    std::unique_ptr<HostAllreduce> allreduce_;  // a flight for each bucket
    std::vector<std::span<float>> arenas_;
    Update update_;
    std::vector<Requests> mpi_sums_;        // (buckets) where MPI adds
    std::vector<std::size_t> first_block_;  // (buckets)
    std::vector<std::size_t> missing_;      // (buckets): values not yet given to start
    std::size_t started_ = 0;               // buckets started by MPI, which needs their order
    std::size_t finished_ = 0;              // buckets
    bool in_step_ = false;
    std::size_t nodes_ = 0;  // of this rank in the step at hand
    SummedSlice mpi_sum_;
    Observe observe_;
    std::vector<std::size_t> observed_;  // buckets under way that the observer knows of
};

}  // namespace lockstep
