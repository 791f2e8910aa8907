// The cutting of epochs into batches, of batches into shards, and the epoch's order.
#include "core/data/batch_plan.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/arithmetic/philox.h"

namespace lockstep {

namespace {

__extension__ using Wide = unsigned __int128;  // a 64 x 64 bit product; ISO C++ has no name for it

/// Maps a random word to [0, bound): the upper half of the product, with no loop and so one draw for every
/// bound. Its bias is below bound / 2^64.
std::uint64_t bounded(std::uint64_t word, std::uint64_t bound) {
    return static_cast<std::uint64_t>((Wide{word} * bound) >> 64);
}

/// Cuts a shard into pieces of at most `most` samples, which is at least a leaf.
class PieceCutter {
  public:
    PieceCutter(const Shard& shard, std::size_t leaf, std::size_t most)
        : nodes_(shard.node_samples.size()), leaf_(leaf), most_(most) {}

    void add_node(std::size_t node, LeafRange leaves, std::size_t samples) {
        if (samples > most_) return add_subtrees({leaves, samples}, node, nodes_);
        const bool joins =
            !pieces_.empty() && pieces_.back().merges.empty() && pieces_.back().samples + samples <= most_;
        if (!joins) pieces_.push_back({done_, 0, {}, {}});
        add(samples, node);
    }

    std::vector<Piece> pieces() {
        if (pieces_.empty()) pieces_.emplace_back();
        return std::move(pieces_);
    }

  private:
    struct Subtree {
        LeafRange leaves;
        std::size_t samples;
    };

    void add(std::size_t samples, std::size_t arena) {
        pieces_.back().subtrees.push_back({samples, arena});
        pieces_.back().samples += samples;
        done_ += samples;
    }

    /// The sum of `tree` into `arena`; the arenas from `spare` on are free.
    void add_subtrees(const Subtree& tree, std::size_t arena, std::size_t spare) {
        if (tree.samples <= most_) {
            pieces_.push_back({done_, 0, {}, {}});
            return add(tree.samples, arena);
        }
        const std::size_t left_leaves = split_point(tree.leaves.count());
        const std::size_t middle = tree.leaves.begin + left_leaves;
        const std::size_t left_samples = left_leaves * leaf_;
        add_subtrees({{tree.leaves.begin, middle}, left_samples}, arena, spare);
        add_subtrees({{middle, tree.leaves.end}, tree.samples - left_samples}, spare, spare + 1);
        pieces_.back().merges.push_back({arena, spare});
    }

    std::size_t nodes_, leaf_, most_;
    std::size_t done_ = 0;  // samples so far
    std::vector<Piece> pieces_;
};

}  // namespace

std::size_t Shard::spare_arenas() const {
    std::size_t arenas = node_samples.size();
    for (const Piece& piece : pieces) {
        for (const Piece::Subtree& subtree : piece.subtrees) arenas = std::max(arenas, subtree.arena + 1);
    }
    return arenas - node_samples.size();
}

std::size_t Shard::most_samples() const { return std::ranges::max(pieces, {}, &Piece::samples).samples; }

BatchPlan::BatchPlan(std::size_t dataset_size, std::size_t global_batch, std::size_t leaf, std::uint64_t seed,
                     std::size_t micro_batch)
    : dataset_size_(dataset_size),
      global_batch_(std::min(global_batch, dataset_size)),
      leaf_(leaf),
      seed_(seed),
      micro_batch_(micro_batch == 0 ? global_batch_ : micro_batch) {
    if (dataset_size == 0 || global_batch == 0 || leaf == 0) {
        throw std::invalid_argument("batch plan: data set, global batch and leaf must not be empty");
    }
    if (micro_batch % leaf != 0) {
        throw std::invalid_argument("batch plan: a micro-batch must be a multiple of the leaf");
    }
}

std::size_t BatchPlan::steps_per_epoch() const {
    return dataset_size_ / global_batch_ + (dataset_size_ % global_batch_ != 0 ? 1 : 0);
}

Batch BatchPlan::batch(std::size_t epoch, std::size_t step_in_epoch) const {
    if (step_in_epoch >= steps_per_epoch()) {
        throw std::out_of_range("batch plan: step " + std::to_string(step_in_epoch) + " of an epoch of " +
                                std::to_string(steps_per_epoch()));
    }
    Batch batch;
    batch.epoch = epoch;
    batch.step_in_epoch = step_in_epoch;
    batch.first = step_in_epoch * global_batch_;
    batch.samples = std::min(global_batch_, dataset_size_ - batch.first);
    batch.leaves = leaf_count(batch.samples, leaf_);
    return batch;
}

Shard BatchPlan::shard(const Batch& batch, std::size_t rank, std::size_t ranks) const {
    if (rank >= ranks)
        throw std::out_of_range("batch plan: rank " + std::to_string(rank) + " of " + std::to_string(ranks));
    Shard shard;
    shard.partition = partition_leaves(batch.leaves, ranks);
    // Only the batch's last leaf may be short, so a leaf's end is cut at the batch's.
    const auto end_of = [&](std::size_t leaf) { return std::min(leaf * leaf_, batch.samples); };
    const LeafRange range = shard.partition.ranges[rank];
    shard.first = end_of(range.begin);
    shard.samples = end_of(range.end) - end_of(range.begin);
    for (std::size_t n = shard.partition.first_node[rank]; n < shard.partition.first_node[rank + 1]; ++n) {
        const LeafRange node = shard.partition.nodes[n];
        shard.node_samples.push_back(end_of(node.end) - end_of(node.begin));
    }
    PieceCutter cutter(shard, leaf_, micro_batch_);
    for (std::size_t n = 0; n < shard.node_samples.size(); ++n) {
        cutter.add_node(n, shard.partition.nodes[shard.partition.first_node[rank] + n],
                        shard.node_samples[n]);
    }
    shard.pieces = cutter.pieces();
    return shard;
}

std::vector<std::uint64_t> BatchPlan::order(std::size_t epoch) const {
    std::vector<std::uint64_t> order(dataset_size_);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    const RandomStream random(seed_, RandomPurpose::kSampleOrder);
    for (std::size_t i = dataset_size_ - 1; i > 0; --i) {
        const PhiloxCounter words = random.block(i, static_cast<std::uint32_t>(epoch));
        const std::uint64_t word = std::uint64_t{words[1]} << 32 | words[0];
        std::swap(order[i], order[bounded(word, i + 1)]);
    }
    return order;
}

}  // namespace lockstep
