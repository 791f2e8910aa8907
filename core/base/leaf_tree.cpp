#include "core/base/leaf_tree.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/integers.h"

namespace lockstep {

namespace {

void cover(LeafRange node, LeafRange range, std::vector<LeafRange>& nodes) {
    if (node.end <= range.begin || range.end <= node.begin) return;
    if (range.begin <= node.begin && node.end <= range.end) {
        nodes.push_back(node);
        return;
    }
    const std::size_t middle = node.begin + split_point(node.count());
    cover({node.begin, middle}, range, nodes);
    cover({middle, node.end}, range, nodes);
}

/// Appends the merges below `node`; returns the index in `nodes` where its sum ends. `next` is the first node
/// not yet used.
std::size_t merge_below(LeafRange node, const std::vector<LeafRange>& nodes, std::size_t& next,
                        std::vector<Merge>& merges) {
    if (nodes[next] == node) return next++;
    const std::size_t middle = node.begin + split_point(node.count());
    const std::size_t left = merge_below({node.begin, middle}, nodes, next, merges);
    const std::size_t right = merge_below({middle, node.end}, nodes, next, merges);
    merges.push_back({left, right});
    return left;
}

/// Appends the pieces of `node`, whose sum is to end in `slot`; the slots before it are taken.
void cut(LeafRange node, std::size_t most_leaves, std::size_t slot, std::vector<TreePiece>& pieces) {
    if (node.count() <= most_leaves) {
        pieces.push_back({{{node, slot, {}}}});
        return;
    }
    const std::size_t middle = node.begin + split_point(node.count());
    cut({node.begin, middle}, most_leaves, slot, pieces);
    cut({middle, node.end}, most_leaves, slot + 1, pieces);
    pieces.back().nodes.back().merges.push_back({slot, slot + 1});
}

}  // namespace

std::size_t leaf_count(std::size_t samples, std::size_t leaf) { return ceil_divide(samples, leaf); }

std::size_t split_point(std::size_t n) { return std::bit_floor(n - 1); }

std::vector<LeafRange> covering_nodes(std::size_t leaves, LeafRange range) {
    std::vector<LeafRange> nodes;
    if (range.count() > 0) cover({0, leaves}, range, nodes);
    return nodes;
}

double tree_sum(std::span<const double> leaves) {
    if (leaves.size() < 2) return leaves.empty() ? 0.0 : leaves.front();
    const std::size_t middle = split_point(leaves.size());
    return tree_sum(leaves.first(middle)) + tree_sum(leaves.subspan(middle));
}

std::vector<Merge> merges_to_root(std::size_t leaves, const std::vector<LeafRange>& nodes) {
    std::vector<Merge> merges;
    std::size_t next = 0;
    if (leaves > 0) merge_below({0, leaves}, nodes, next, merges);
    return merges;
}

LeafPartition partition_leaves(std::size_t leaves, std::size_t ranks) {
    LeafPartition partition;
    partition.leaves = leaves;
    partition.first_node.push_back(0);
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        const Piece piece = balanced_piece(leaves, ranks, rank);
        const LeafRange range{piece.begin, piece.begin + piece.size};
        for (const LeafRange& node : covering_nodes(leaves, range)) partition.nodes.push_back(node);
        partition.ranges.push_back(range);
        partition.first_node.push_back(partition.nodes.size());
    }
    partition.merges = merges_to_root(leaves, partition.nodes);
    return partition;
}

std::vector<TreePiece> cut_into_pieces(std::span<const LeafRange> nodes, std::size_t most_leaves) {
    const std::size_t leaves = nodes.empty() ? 0 : nodes.back().end - nodes.front().begin;
    std::vector<TreePiece> pieces;
    if (most_leaves == 0 || leaves <= most_leaves) {
        pieces.emplace_back();
        for (std::size_t n = 0; n < nodes.size(); ++n) pieces.back().nodes.push_back({nodes[n], n, {}});
        return pieces;
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) cut(nodes[n], most_leaves, n, pieces);
    return pieces;
}

std::vector<TreePiece> cut_into_leaves(std::span<const LeafRange> nodes, std::size_t most_leaves) {
    std::vector<TreePiece> leaves;
    for (std::size_t n = 0; n < nodes.size(); ++n) cut(nodes[n], 1, n, leaves);
    std::vector<TreePiece> pieces = cut_into_pieces(nodes, most_leaves);
    std::size_t next = 0;
    for (TreePiece& piece : pieces) {
        std::size_t count = 0;
        for (const TreePiece::Node& node : piece.nodes) count += node.leaves.count();
        piece.nodes.clear();
        for (; count > 0; --count) piece.nodes.push_back(std::move(leaves[next++].nodes.front()));
    }
    return pieces;
}

std::size_t slot_count(std::span<const TreePiece> pieces) {
    std::size_t count = 0;
    for (const TreePiece& piece : pieces) {
        for (const TreePiece::Node& node : piece.nodes) count = std::max(count, node.slot + 1);
    }
    return count;
}

}  // namespace lockstep
