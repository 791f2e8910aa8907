// Which samples a step takes, and which of them a rank takes: pure functions of (seed, epoch, step, rank,
// ranks).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/leaf_tree.h"
#include "core/base/names.h"

namespace lockstep {

/// One global minibatch: positions [first, first + samples) of its epoch's order.
struct Batch {
    std::size_t epoch = 0;
    std::size_t step_in_epoch = 0;
    std::size_t first = 0;
    std::size_t samples = 0;
    std::size_t leaves = 0;
};

/// A rank's share of a batch: a run of the batch's samples, and the nodes of the leaf tree it makes.
struct Shard {
    std::size_t first = 0;  ///< position in the epoch's order
    std::size_t samples = 0;
    LeafPartition partition;  ///< of the whole batch
    /// Samples under each of this rank's nodes, ascending; their sum is `samples`.
    std::vector<std::size_t> node_samples;
};

/// A run of a shard's samples that goes through the network at once.
struct ShardPiece {
    std::size_t first = 0;  ///< within the shard
    std::size_t samples = 0;
    TreePiece tree;
    std::vector<std::size_t> node_samples;  ///< under each of tree.nodes; their sum is `samples`
};

/// In which order an epoch goes through the samples.
enum class SampleOrder {
    kShuffled,  ///< another at random in every epoch
    kCyclic,    ///< as the data set has them: step t of online descent takes sample k = t mod p + 1 of p
};
template <>
inline constexpr std::array<std::string_view, 2> names_of<SampleOrder>{"shuffled", "cyclic"};

/// Cuts every epoch into global minibatches; the last, short one is used too.
class BatchPlan {
  public:
    /// A global_batch above dataset_size means the whole set.
    /// Throws std::invalid_argument where dataset_size, global_batch or leaf is 0.
    BatchPlan(std::size_t dataset_size, std::size_t global_batch, std::size_t leaf, std::uint64_t seed,
              SampleOrder order = SampleOrder::kShuffled);

    [[nodiscard]] std::size_t steps_per_epoch() const;
    [[nodiscard]] std::size_t global_batch() const { return global_batch_; }
    [[nodiscard]] std::size_t leaf() const { return leaf_; }
    /// Requires step_in_epoch < steps_per_epoch().
    [[nodiscard]] Batch batch(std::size_t epoch, std::size_t step_in_epoch) const;
    /// The share of `rank`; empty for ranks beyond the batch's leaves. Requires rank < ranks.
    [[nodiscard]] Shard shard(const Batch& batch, std::size_t rank, std::size_t ranks) const;
    /// Cuts the share of `rank` into pieces of at most `micro_batch` samples, a multiple of the leaf, by
    /// cut_into_pieces or, with `by_leaf`, cut_into_leaves; 0: one piece.
    [[nodiscard]] std::vector<ShardPiece> pieces(const Batch& batch, const Shard& shard, std::size_t rank,
                                                 std::size_t micro_batch, bool by_leaf = false) const;
    /// The epoch's order of samples, the same on every rank: the permutation of (seed, epoch), or their own.
    /// Cost: O(dataset_size), about 1 ms for 60 000.
    [[nodiscard]] std::vector<std::uint64_t> order(std::size_t epoch) const;

  private:
    std::size_t dataset_size_;
    std::size_t global_batch_;
    std::size_t leaf_;
    std::uint64_t seed_;
    SampleOrder order_;
};

}  // namespace lockstep
