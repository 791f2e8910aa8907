// The tree over hosts, without MPI: any layout adds the same pairs of subtrees as the tree itself.
#include "comm/host_layout.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "comm/tree_sum.h"
#include "serial_tree.h"

namespace lockstep {
namespace {

using Labels = std::vector<std::size_t>;

TEST_CASE("host layout: hosts are numbered by their lowest ranks, whatever their labels") {
    const HostLayout layout(Labels{7, 3, 7, 9, 3, 7});
    CHECK(layout.hosts() == 3);
    CHECK(layout.ranks() == 6);
    CHECK(layout.ranks_on(0) == Labels{0, 2, 5});
    CHECK(layout.ranks_on(1) == Labels{1, 4});
    CHECK(layout.host_of(3) == 2);
    CHECK(layout.local_rank(5) == 2);
    CHECK(layout.local_rank(1) == 0);
    CHECK(layout.fewest_ranks() == 1);
    CHECK(HostLayout::apart(4).hosts() == 4);
}

/// Adds the nodes' expressions "(a+b)" by `merges`; the last sum.
std::string expression(std::vector<std::string> nodes, std::span<const Merge> merges) {
    if (nodes.empty()) return "";
    for (const auto& [into, from] : merges) nodes[into] = "(" + nodes[into] + "+" + nodes[from] + ")";
    return merges.empty() ? nodes[0] : nodes[merges.back().into];
}

std::string expression_over_hosts(const TreeOverHosts& tree) {
    std::vector<std::string> host_sums;
    for (const std::vector<HostSubtree>& subtrees : tree.within) {
        for (const HostSubtree& subtree : subtrees) {
            std::vector<std::string> nodes;
            for (const std::size_t node : subtree.nodes) nodes.push_back(std::to_string(node));
            host_sums.push_back(expression(nodes, subtree.merges));
        }
    }
    return expression(host_sums, tree.across.merges);
}

std::string expression_of(const LeafPartition& partition) {
    std::vector<std::string> nodes;
    for (std::size_t node = 0; node < partition.nodes.size(); ++node) nodes.push_back(std::to_string(node));
    return expression(nodes, partition.merges);
}

TEST_CASE("host layout: within hosts and across them, the tree's own additions and no others") {
    for (std::uint32_t seed = 0; seed < 400; ++seed) {
        CAPTURE(seed);
        const std::size_t ranks = 1 + seed % 9;
        const LeafPartition partition = seed % 2 == 0 ? partition_leaves(seed % 37, ranks)
                                                      : test::random_partition(seed % 23, ranks, seed);
        Labels labels;
        for (std::uint32_t rank = 0; rank < ranks; ++rank) {
            labels.push_back(philox4x32({seed, rank, 0, 0}, {1, 1})[0] % (1 + seed % 4));
        }
        TreeOverHosts tree = split_by_host(partition, HostLayout(labels));
        CHECK(expression_over_hosts(tree) == expression_of(partition));
        REQUIRE(tree.across.ranks() == HostLayout(labels).hosts());
        for (std::size_t host = 0; host < tree.across.ranks(); ++host) {
            CHECK(tree.across.node_count(host) == tree.within[host].size());
        }
        if (tree.across.merges.empty()) continue;
        tree.across.merges.pop_back();
        CHECK(expression_over_hosts(tree) != expression_of(partition));
    }
}

TEST_CASE(
    "host layout: hosts of neighbouring ranks with whole subtrees have one sum each, and need no direct") {
    const TreeOverHosts tree =
        split_by_host(partition_leaves(16, 8), HostLayout(Labels{0, 0, 1, 1, 2, 2, 3, 3}));
    for (const std::vector<HostSubtree>& subtrees : tree.within) CHECK(subtrees.size() == 1);
    CHECK(tree.across.merges == std::vector<Merge>{{0, 1}, {2, 3}, {0, 2}});
    const TreeOverHosts dealt = split_by_host(partition_leaves(4, 4), HostLayout(Labels{0, 1, 0, 1}));
    for (const std::vector<HostSubtree>& subtrees : dealt.within) CHECK(subtrees.size() == 2);
}

TEST_CASE("tree sum: any tree, in place of any input or apart, around the blocks' boundaries") {
    for (std::size_t leaves = 0; leaves <= 9; ++leaves) {
        const LeafPartition partition = partition_leaves(leaves, leaves + 1);
        for (const std::size_t n : {0, 1, 7, 511, 512, 513, 1500}) {
            const std::vector<float> serial = test::serial_sum<float>({0, leaves}, n);
            for (std::size_t place = 0; place <= leaves; ++place) {
                std::vector<std::vector<float>> rows;
                for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
                    rows.push_back(test::serial_sum<float>({leaf, leaf + 1}, n));
                }
                std::vector<float> apart(n);
                const std::span<float> sum = place < leaves ? std::span(rows[place]) : std::span(apart);
                const std::vector<std::span<const float>> inputs(rows.begin(), rows.end());
                sum_tree<float>(inputs, partition.merges, sum);
                CHECK(test::same_bits<float>(sum, serial));
            }
        }
    }
}

}  // namespace
}  // namespace lockstep
