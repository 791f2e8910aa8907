// The fixed binary tree by which the leaves of a minibatch are summed, and its partition over ranks.
//
// The tree over n leaves has the shape of RFC 6962's Merkle tree (section 2.1): a node over n > 1 leaves
// splits after the largest power of two below n. The shape depends on n alone, so it is the same on any
// number of ranks.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lockstep {

/// Leaves [begin, end) of a batch.
struct LeafRange {
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] std::size_t count() const { return end - begin; }
    bool operator==(const LeafRange&) const = default;
};

/// Leaves of `leaf` samples that `samples` make; the last one may be short. Requires leaf > 0.
std::size_t leaf_count(std::size_t samples, std::size_t leaf);

/// Leaves left of the root's split: the largest power of two below n. Requires n >= 2.
std::size_t split_point(std::size_t n);

/// The fewest nodes of the tree over `leaves` leaves that together cover `range`, ascending.
std::vector<LeafRange> covering_nodes(std::size_t leaves, LeafRange range);

/// The tree's sum of one value a leaf; 0 without leaves. Metrics use it; gradients are summed in their tiles.
double tree_sum(std::span<const double> leaves);

/// One addition of the tree: node[into] = node[into] + node[from].
struct Merge {
    std::size_t into;
    std::size_t from;
    bool operator==(const Merge&) const = default;
};

/// The additions, in order, that bring the sums of `nodes` to the root's, which ends in nodes[0].
/// Requires that `nodes` are nodes of the tree over `leaves` leaves that cover it, ascending.
std::vector<Merge> merges_to_root(std::size_t leaves, const std::vector<LeafRange>& nodes);

/// How the leaves of one batch lie over the ranks: rank r owns ranges[r], a contiguous run within one leaf of
/// the mean, whose sum it holds as the partial sums of the nodes [first_node[r], first_node[r + 1]).
struct LeafPartition {
    std::size_t leaves = 0;
    std::vector<LeafRange> ranges;        // (ranks)
    std::vector<LeafRange> nodes;         // all ranks' nodes, ascending
    std::vector<std::size_t> first_node;  // (ranks + 1)
    std::vector<Merge> merges;            // of `nodes` to the root

    [[nodiscard]] std::size_t ranks() const { return ranges.size(); }
    [[nodiscard]] std::size_t node_count(std::size_t rank) const {
        return first_node[rank + 1] - first_node[rank];
    }
    [[nodiscard]] std::span<const LeafRange> nodes_of(std::size_t rank) const {
        return std::span(nodes).subspan(first_node[rank], node_count(rank));
    }
};

/// Deals `leaves` leaves to `ranks` ranks. Ranks beyond the number of leaves own none. Requires ranks > 0.
LeafPartition partition_leaves(std::size_t leaves, std::size_t ranks);

/// Nodes of the tree under those that a rank owns, computed in one go. Each goes to a slot, an arena of its
/// own, one after the other.
struct TreePiece {
    struct Node {
        LeafRange leaves;
        std::size_t slot;           ///< where its sum goes
        std::vector<Merge> merges;  ///< of slots, in order, once the node is there and before the next one is
        bool operator==(const Node&) const = default;
    };
    std::vector<Node> nodes;  ///< ascending
};

/// Cuts a rank's nodes along the tree so that no piece has more than `most_leaves` leaves (0: no bound). They
/// are one piece where they fit; otherwise a piece is the largest subtree that fits, and the slots count in
/// binary: a sum stays until its sibling's is there. In the end slot i holds the sum of nodes[i]. A rank
/// without nodes has one empty piece.
std::vector<TreePiece> cut_into_pieces(std::span<const LeafRange> nodes, std::size_t most_leaves);

/// The same pieces with every leaf a node of its own: for what must be done to each leaf's sum.
std::vector<TreePiece> cut_into_leaves(std::span<const LeafRange> nodes, std::size_t most_leaves);

/// Slots that these pieces use. At most one for each node, and one for each halving of a node.
std::size_t slot_count(std::span<const TreePiece> pieces);

}  // namespace lockstep
