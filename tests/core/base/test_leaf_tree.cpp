// The leaf tree's shape and its partition over ranks.
#include "core/base/leaf_tree.h"

#include <bit>

#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

/// The tree as a formula, so that two trees are equal exactly when their additions are.
std::string formula(std::size_t begin, std::size_t count) {
    if (count == 1) return fmt::format("{}", begin);
    std::size_t k = 1;
    while (k * 2 < count) k *= 2;
    return fmt::format("({}+{})", formula(begin, k), formula(begin + k, count - k));
}

/// The formula that a partition's nodes and merges add up to.
std::string merged_formula(const LeafPartition& p) {
    std::vector<std::string> sums;
    for (const LeafRange& node : p.nodes) sums.push_back(formula(node.begin, node.count()));
    for (const Merge& merge : p.merges) {
        sums[merge.into] = fmt::format("({}+{})", sums[merge.into], sums[merge.from]);
        sums[merge.from] = "used";
    }
    return sums.empty() ? "" : sums[0];
}

/// Whether [begin, end) is a node of the tree over `leaves`.
bool is_node(LeafRange range, LeafRange node) {
    if (range == node) return true;
    if (node.count() < 2) return false;
    const std::size_t middle = node.begin + split_point(node.count());
    return is_node(range, {node.begin, middle}) || is_node(range, {middle, node.end});
}

/// What a rank's slots hold once its pieces and their merges are through; "" in one that was given away.
std::vector<std::string> summed_formulas(const std::vector<TreePiece>& pieces) {
    std::vector<std::string> slots(slot_count(pieces));
    for (const TreePiece& piece : pieces) {
        for (const auto& [leaves, slot, merges] : piece.nodes) {
            REQUIRE(slots[slot].empty());
            slots[slot] = formula(leaves.begin, leaves.count());
            for (const auto& [into, from] : merges) {
                slots[into] = fmt::format("({}+{})", slots[into], slots[from]);
                slots[from].clear();
            }
        }
    }
    return slots;
}

}  // namespace

TEST_CASE("leaf_count: whole leaves and a short last one") {
    CHECK(leaf_count(0, 32) == 0);
    CHECK(leaf_count(1, 32) == 1);
    CHECK(leaf_count(32, 32) == 1);
    CHECK(leaf_count(33, 32) == 2);
    CHECK(leaf_count(60000, 32) == 1875);
}

TEST_CASE("split_point: the largest power of two below n") {
    CHECK(split_point(2) == 1);
    CHECK(split_point(3) == 2);
    CHECK(split_point(4) == 2);
    CHECK(split_point(5) == 4);
    CHECK(split_point(7) == 4);
    CHECK(split_point(8) == 4);
    CHECK(split_point(9) == 8);
}

TEST_CASE("partition_leaves: on any number of ranks the additions are those of the one tree") {
    for (std::size_t leaves = 1; leaves <= 70; ++leaves) {
        for (std::size_t ranks = 1; ranks <= 40; ++ranks) {
            INFO(leaves, " leaves, ", ranks, " ranks");
            CHECK(merged_formula(partition_leaves(leaves, ranks)) == formula(0, leaves));
        }
    }
}

TEST_CASE("partition_leaves: the check rejects a merge left out and one taken across subtrees") {
    LeafPartition p = partition_leaves(12, 6);
    REQUIRE(merged_formula(p) == formula(0, 12));
    LeafPartition missing = p;
    missing.merges.erase(missing.merges.begin());
    CHECK(merged_formula(missing) != formula(0, 12));
    LeafPartition crossed = p;
    std::swap(crossed.merges[0].from, crossed.merges[1].from);
    CHECK(merged_formula(crossed) != formula(0, 12));
}

TEST_CASE("partition_leaves: ranks cover the leaves in order, evenly, by whole nodes") {
    for (std::size_t leaves = 0; leaves <= 70; ++leaves) {
        for (std::size_t ranks = 1; ranks <= 80; ++ranks) {
            INFO(leaves, " leaves, ", ranks, " ranks");
            const LeafPartition p = partition_leaves(leaves, ranks);
            REQUIRE(p.leaves == leaves);
            REQUIRE(p.ranks() == ranks);
            REQUIRE(p.first_node.size() == ranks + 1);
            REQUIRE(p.first_node[ranks] == p.nodes.size());
            bool right = true;
            std::size_t begin = 0;
            for (std::size_t r = 0; r < ranks; ++r) {
                const std::size_t share = p.ranges[r].count();
                right = right && p.ranges[r].begin == begin &&
                        (share == leaves / ranks || share == leaves / ranks + 1);
                std::size_t node_begin = begin;
                for (std::size_t n = p.first_node[r]; n < p.first_node[r + 1]; ++n) {
                    right = right && p.nodes[n].begin == node_begin && is_node(p.nodes[n], {0, leaves});
                    node_begin = p.nodes[n].end;
                }
                begin = p.ranges[r].end;
                right = right && node_begin == begin;
            }
            CHECK(right);
            CHECK(begin == leaves);
        }
    }
}

TEST_CASE("partition_leaves: a rank of a power-of-two group holds a single node") {
    for (std::size_t leaves = 1; leaves <= 256; leaves *= 2) {
        for (std::size_t ranks = 1; ranks <= leaves; ranks *= 2) {
            const LeafPartition p = partition_leaves(leaves, ranks);
            for (std::size_t r = 0; r < ranks; ++r) CHECK(p.node_count(r) == 1);
        }
    }
}

TEST_CASE("partition_leaves: ranks beyond the leaves own none") {
    const LeafPartition p = partition_leaves(3, 8);
    for (std::size_t r = 0; r < 8; ++r) CHECK(p.node_count(r) == (r < 3 ? 1 : 0));
    CHECK(p.merges == std::vector<Merge>{{0, 1}, {0, 2}});
}

TEST_CASE("cut_into_pieces: in pieces of any size every node comes to its own sum, in few slots") {
    for (std::size_t leaves = 0; leaves <= 40; ++leaves) {
        for (std::size_t ranks = 1; ranks <= 5; ++ranks) {
            const LeafPartition p = partition_leaves(leaves, ranks);
            for (std::size_t rank = 0; rank < ranks; ++rank) {
                for (std::size_t most = 0; most <= 41; ++most)
                    for (const bool by_leaf : {false, true}) {
                        INFO(leaves, " leaves, rank ", rank, " of ", ranks, ", at most ", most);
                        const auto nodes = p.nodes_of(rank);
                        const std::vector<TreePiece> pieces =
                            by_leaf ? cut_into_leaves(nodes, most) : cut_into_pieces(nodes, most);
                        REQUIRE(pieces.size() == cut_into_pieces(nodes, most).size());
                        REQUIRE(!pieces.empty());
                        std::size_t next = p.ranges[rank].begin;
                        for (const TreePiece& piece : pieces) {
                            const std::size_t begin = next;
                            for (const auto& [node, slot, merges] : piece.nodes) {
                                REQUIRE(node.begin == next);
                                if (by_leaf) REQUIRE(node.count() == 1);
                                next = node.end;
                            }
                            if (most > 0) REQUIRE(next - begin <= most);
                        }
                        REQUIRE(next == p.ranges[rank].end);
                        const std::vector<std::string> sums = summed_formulas(pieces);
                        REQUIRE(sums.size() >= nodes.size());
                        REQUIRE(sums.size() <= nodes.size() + std::bit_width(leaves));
                        for (std::size_t i = 0; i < sums.size(); ++i) {
                            REQUIRE(sums[i] ==
                                    (i < nodes.size() ? formula(nodes[i].begin, nodes[i].count()) : ""));
                        }
                    }
            }
        }
    }
}

TEST_CASE("cut_into_pieces: one piece where the share fits, else the largest subtrees that do") {
    const LeafPartition p = partition_leaves(13, 1);
    CHECK(cut_into_pieces(p.nodes_of(0), 0).size() == 1);
    CHECK(cut_into_pieces(p.nodes_of(0), 13).size() == 1);
    const std::vector<TreePiece> pieces = cut_into_pieces(p.nodes_of(0), 5);
    REQUIRE(pieces.size() == 3);  // 0-3, 4-7, 8-12
    CHECK(pieces[1].nodes == std::vector<TreePiece::Node>{{{4, 8}, 1, {{0, 1}}}});
    CHECK(pieces[2].nodes == std::vector<TreePiece::Node>{{{8, 13}, 1, {{0, 1}}}});
}

TEST_CASE("cut_into_pieces: the check rejects a merge taken before its time") {
    const LeafPartition p = partition_leaves(4, 1);
    std::vector<TreePiece> pieces = cut_into_pieces(p.nodes_of(0), 1);
    REQUIRE(summed_formulas(pieces)[0] == formula(0, 4));
    std::swap(pieces[3].nodes[0].merges[0], pieces[3].nodes[0].merges[1]);
    CHECK(summed_formulas(pieces)[0] != formula(0, 4));
}

TEST_CASE("covering_nodes: no fewer nodes cover the range") {
    for (std::size_t leaves = 1; leaves <= 33; ++leaves) {
        for (std::size_t begin = 0; begin <= leaves; ++begin) {
            for (std::size_t end = begin; end <= leaves; ++end) {
                const std::vector<LeafRange> nodes = covering_nodes(leaves, {begin, end});
                std::size_t next = begin;
                for (const LeafRange& node : nodes) {
                    REQUIRE(node.begin == next);
                    REQUIRE(is_node(node, {0, leaves}));
                    next = node.end;
                }
                REQUIRE(next == end);
                // Greedy: the longest node that starts here and fits is always the right one to take.
                std::size_t fewest = 0;
                for (std::size_t at = begin; at < end; ++fewest) {
                    std::size_t stop = end;
                    while (!is_node({at, stop}, {0, leaves})) --stop;
                    at = stop;
                }
                REQUIRE(nodes.size() == fewest);
            }
        }
    }
}

TEST_CASE("merges_to_root: no leaves, one node") {
    CHECK(merges_to_root(0, {}).empty());
    CHECK(merges_to_root(5, {{0, 5}}).empty());
}

}  // namespace lockstep::test
