// The oracle of the tree reductions: leaves with values that show every wrong order, and their sum by one
// process.
//
// It shares nothing with core/arithmetic/leaf_tree.cpp but the definition of the tree.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "core/base/leaf_tree.h"
#include "core/base/philox.h"
#include "core/base/threads.h"

namespace lockstep::test {

/// A leaf's value at one index: random sign and significand, and an exponent within 24 powers of two, so that
/// nearly every addition rounds and another order of additions gives other bits.
template <class T>
T leaf_value(std::size_t leaf, std::size_t index) {
    const PhiloxCounter words =
        philox4x32({static_cast<std::uint32_t>(leaf), static_cast<std::uint32_t>(index), 0, 0}, {7, 9});
    const double significand =
        1.0 + static_cast<double>(words[0]) * 0x1p-32 + static_cast<double>(words[1]) * 0x1p-52;
    const double magnitude = std::ldexp(significand, static_cast<int>(words[2] % 24) - 12);
    return static_cast<T>((words[3] & 1) != 0 ? magnitude : -magnitude);
}

/// Which leaf stands at a place of the tree: the identity, or a planted fault. A place of no leaf gives
/// zeros.
inline constexpr std::size_t kNoLeaf = static_cast<std::size_t>(-1);
using LeafOrder = std::function<std::size_t(std::size_t)>;
inline std::size_t every_leaf_in_its_place(std::size_t place) { return place; }

/// The sum of the leaves in `range` of the tree over them, n values.
template <class T>
std::vector<T> serial_sum(LeafRange range, std::size_t n, const LeafOrder& order = every_leaf_in_its_place) {
    std::vector<T> sum(n);
    if (range.count() == 1) {
        const std::size_t leaf = order(range.begin);
        for (std::size_t i = 0; i < n; ++i) sum[i] = leaf == kNoLeaf ? T{0} : leaf_value<T>(leaf, i);
    } else if (range.count() > 1) {
        std::size_t left = 1;
        while (2 * left < range.count()) left *= 2;
        sum = serial_sum<T>({range.begin, range.begin + left}, n, order);
        const std::vector<T> right = serial_sum<T>({range.begin + left, range.end}, n, order);
        const ContractFloatMode float_mode;
        for (std::size_t i = 0; i < n; ++i) sum[i] = sum[i] + right[i];
    }
    return sum;
}

/// Equality of bits, not of values: -0 is not +0 here.
template <class T>
bool same_bits(std::span<const T> a, std::span<const T> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

/// A partition by given cuts: rank r owns leaves [cuts[r], cuts[r + 1]); equal cuts make an idle rank.
inline LeafPartition partition_by_cuts(std::size_t leaves, const std::vector<std::size_t>& cuts) {
    LeafPartition partition;
    partition.leaves = leaves;
    partition.first_node.push_back(0);
    for (std::size_t rank = 0; rank + 1 < cuts.size(); ++rank) {
        const LeafRange range{cuts[rank], cuts[rank + 1]};
        for (const LeafRange& node : covering_nodes(leaves, range)) partition.nodes.push_back(node);
        partition.ranges.push_back(range);
        partition.first_node.push_back(partition.nodes.size());
    }
    partition.merges = merges_to_root(leaves, partition.nodes);
    return partition;
}

/// A partition with the cuts anywhere, the same on every rank for the same seed.
inline LeafPartition random_partition(std::size_t leaves, std::size_t ranks, std::uint32_t seed) {
    std::vector<std::size_t> cuts{0};
    for (std::uint32_t rank = 1; rank < ranks; ++rank)
        cuts.push_back(philox4x32({seed, rank, 0, 0}, {1, 2})[0] % (leaves + 1));
    cuts.push_back(leaves);
    std::sort(cuts.begin(), cuts.end());
    return partition_by_cuts(leaves, cuts);
}

/// The partial sums of a rank's nodes, each n values.
template <class T>
std::vector<std::vector<T>> partial_sums(const LeafPartition& partition, std::size_t rank, std::size_t n,
                                         const LeafOrder& order = every_leaf_in_its_place) {
    std::vector<std::vector<T>> sums;
    for (std::size_t node = partition.first_node[rank]; node < partition.first_node[rank + 1]; ++node) {
        sums.push_back(serial_sum<T>(partition.nodes[node], n, order));
    }
    return sums;
}

}  // namespace lockstep::test
