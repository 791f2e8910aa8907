// The tree allreduce against the serial tree, bit for bit.
#include "comm/tree_allreduce.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cfloat>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "delays.h"
#include "serial_tree.h"

namespace lockstep {
namespace {

using test::LeafOrder;

template <class T>
std::vector<std::span<const T>> views(const std::vector<std::vector<T>>& rows) {
    return {rows.begin(), rows.end()};
}

/// One reduction from beginning to end.
template <class T>
void run(TreeAllreduce<T>& allreduce, const LeafPartition& partition,
         std::span<const std::span<const T>> partials, std::span<T> sum) {
    allreduce.start(partition, partials, sum);
    allreduce.finish();
}

/// The check of this file: a reduction, in place or not, equals the serial tree's sum of the leaves in their
/// places. `order` plants faults into the ranks' partial sums.
template <class T>
bool equals_serial_tree(TreeAllreduce<T>& allreduce, const Communicator& comm, const LeafPartition& partition,
                        std::size_t n, bool in_place,
                        const LeafOrder& order = test::every_leaf_in_its_place) {
    std::vector<std::vector<T>> partials = test::partial_sums<T>(partition, comm.rank(), n, order);
    std::vector<T> apart(n, T{-77});
    const std::span<T> sum = in_place && !partials.empty() ? std::span<T>(partials[0]) : std::span<T>(apart);
    run<T>(allreduce, partition, views(partials), sum);
    return test::same_bits<T>(sum, test::serial_sum<T>({0, partition.leaves}, n));
}

std::vector<std::size_t> counts_worth_trying(std::size_t ranks) {
    return {0, 1, 2, 3, ranks - 1, ranks, ranks + 1, 16 * ranks - 1, 16 * ranks, 16 * ranks + 17, 257};
}

TEST_CASE("tree allreduce: 1 to 40 leaves and 0, 1 and odd counts give the serial tree's bits") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    for (std::size_t leaves = 1; leaves <= 40; ++leaves) {
        const LeafPartition partition = partition_leaves(leaves, comm.size());
        for (const std::size_t n : counts_worth_trying(comm.size())) {
            for (const bool in_place : {false, true}) {
                CAPTURE(leaves);
                CAPTURE(n);
                CAPTURE(in_place);
                CHECK(equals_serial_tree(allreduce, comm, partition, n, in_place));
            }
        }
    }
}

TEST_CASE("tree allreduce: any partition gives the same bits, idle ranks first, last and between included") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        const LeafPartition partition = test::random_partition(1 + seed % 23, comm.size(), seed);
        CHECK(equals_serial_tree(allreduce, comm, partition, 101, seed % 2 == 0));
    }
    for (std::size_t owner = 0; owner < comm.size(); ++owner) {
        std::vector<std::size_t> cuts(comm.size() + 1, 0);
        std::fill(cuts.begin() + static_cast<std::ptrdiff_t>(owner) + 1, cuts.end(), 11);
        CHECK(equals_serial_tree(allreduce, comm, test::partition_by_cuts(11, cuts), 101, true));
    }
}

TEST_CASE("tree allreduce: no leaves at all give +0") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    std::vector<float> sum(5, -1.0F);
    run<float>(allreduce, partition_leaves(0, comm.size()), {}, sum);
    CHECK(test::same_bits<float>(sum, std::vector<float>(5, 0.0F)));
}

TEST_CASE("tree allreduce: messages cut into pieces give the same bits around every piece's boundary") {
    const Communicator comm(MPI_COMM_WORLD, 16);  // pieces of 4 floats, 2 doubles
    TreeAllreduce<float> singles(comm, 1);
    TreeAllreduce<double> doubles(comm, 2);
    for (const std::size_t leaves : {comm.size(), 2 * comm.size(), 3 * comm.size() + 1}) {
        const LeafPartition partition = partition_leaves(leaves, comm.size());
        for (std::size_t n = 4 * comm.size() - 2; n <= 4 * comm.size() + 2; ++n) {
            CHECK(equals_serial_tree(singles, comm, partition, n, true));
            CHECK(equals_serial_tree(doubles, comm, partition, n, false));
        }
        CHECK(equals_serial_tree(singles, comm, partition, 64 * comm.size() + 3, true));
    }
}

TEST_CASE("tree allreduce: metrics in double, one row a node, give the serial tree's bits") {
    const Communicator comm;
    TreeAllreduce<double> allreduce(comm);
    for (std::size_t leaves = 1; leaves <= 20; ++leaves) {
        const LeafPartition partition = partition_leaves(leaves, comm.size());
        std::vector<double> rows;
        for (const std::vector<double>& row : test::partial_sums<double>(partition, comm.rank(), 3)) {
            rows.insert(rows.end(), row.begin(), row.end());
        }
        std::vector<double> sum(3);
        allreduce.start_rows(partition, rows, sum);
        allreduce.finish();
        CHECK(test::same_bits<double>(sum, test::serial_sum<double>({0, leaves}, 3)));
    }
}

TEST_CASE("tree allreduce: a denormal sum is flushed, whatever mode the caller's thread is in") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    const LeafPartition partition = partition_leaves(2, comm.size());
    const LeafRange own = partition.ranges[comm.rank()];
    std::vector<std::vector<float>> partials;
    if (own.count() == 2) partials.push_back({0.0F});  // one rank: the core has flushed the sum already
    if (own.count() == 1) partials.push_back({own.begin == 0 ? 1.5F * FLT_MIN : -FLT_MIN});
    std::vector<float> sum(1, 1.0F);
    run<float>(allreduce, partition, views(partials), sum);
    CHECK(sum[0] == 0.0F);
}

/// Whether the tree over `range`, cut over the ranks [first, first + ranks), is perfect above the ranks'
/// nodes.
bool is_perfect_over(LeafRange range, const LeafPartition& partition, std::size_t first, std::size_t ranks) {
    if (ranks == 1) return partition.ranges[first] == range && range.count() > 0;
    if (range.count() < 2) return false;
    const std::size_t middle = range.begin + split_point(range.count());
    return is_perfect_over({range.begin, middle}, partition, first, ranks / 2) &&
           is_perfect_over({middle, range.end}, partition, first + ranks / 2, ranks / 2);
}

TEST_CASE("tree allreduce: halving serves exactly the perfect trees over a power of two ranks") {
    for (std::size_t ranks = 1; ranks <= 16; ++ranks) {
        const bool power = (ranks & (ranks - 1)) == 0;
        for (std::size_t leaves = 0; leaves <= 70; ++leaves) {
            CAPTURE(ranks);
            CAPTURE(leaves);
            const LeafPartition partition = partition_leaves(leaves, ranks);
            const bool halving = choose_algorithm(partition) == TreeAlgorithm::kHalving;
            CHECK(halving == (power && is_perfect_over({0, leaves}, partition, 0, ranks)));
        }
    }
    for (const auto& [leaves, ranks] : {std::pair{8, 8}, {6, 4}, {15, 4}, {16, 4}, {7, 2}, {128, 8}}) {
        CHECK(choose_algorithm(partition_leaves(static_cast<std::size_t>(leaves),
                                                static_cast<std::size_t>(ranks))) == TreeAlgorithm::kHalving);
    }
}

TEST_CASE("tree allreduce: the slices cover every count without a gap, idle ends empty") {
    for (std::size_t ranks = 1; ranks <= 9; ++ranks) {
        for (std::size_t n = 0; n <= 400; ++n) {
            std::size_t next = 0;
            for (std::size_t rank = 0; rank < ranks; ++rank) {
                const Slice slice = slice_of_rank(n, rank, ranks);
                REQUIRE(slice.begin == next);
                REQUIRE(slice.count <= n / ranks + 32);
                next += slice.count;
            }
            REQUIRE(next == n);
        }
    }
}

TEST_CASE("tree allreduce: planted faults do not pass the check") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    for (const std::size_t leaves : {std::size_t{8}, 2 * comm.size(), 3 * comm.size() + 5}) {
        CAPTURE(leaves);
        const LeafPartition partition = partition_leaves(leaves, comm.size());
        const std::size_t n = 200;
        CHECK(equals_serial_tree(allreduce, comm, partition, n, false));
        const auto skipped = [&](std::size_t place) { return place == leaves / 2 ? test::kNoLeaf : place; };
        CHECK_FALSE(equals_serial_tree(allreduce, comm, partition, n, false, skipped));
        if (leaves < 3) continue;  // two leaves have no order to break
        const auto swapped = [&](std::size_t place) {
            return place == 0 ? leaves - 1 : place == leaves - 1 ? 0 : place;
        };
        CHECK_FALSE(equals_serial_tree(allreduce, comm, partition, n, false, swapped));
    }
}

TEST_CASE("tree allreduce: a chain over the ranks in place of the tree does not pass the check") {
    const Communicator comm;
    if (comm.size() < 4) return;  // up to three nodes, a chain is a tree
    TreeAllreduce<float> allreduce(comm);
    LeafPartition partition = partition_leaves(comm.size(), comm.size());
    for (std::size_t i = 0; i < partition.merges.size(); ++i) partition.merges[i] = {0, i + 1};
    CHECK_FALSE(equals_serial_tree(allreduce, comm, partition, 200, false));
}

TEST_CASE("tree allreduce: ranks delayed at random points change no bit") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    const test::Delays delays(static_cast<std::uint32_t>(100 + comm.rank()));
    for (std::uint32_t seed = 0; seed < 40; ++seed) {
        const LeafPartition partition = seed % 2 == 0 ? partition_leaves(2 * comm.size(), comm.size())
                                                      : test::random_partition(13, comm.size(), seed);
        CHECK(equals_serial_tree(allreduce, comm, partition, 97, true));
    }
    if (comm.size() > 1) CHECK(test::Delays::count() > 0);
}

TEST_CASE("tree allreduce: several in flight, started in another order on each rank") {
    const Communicator comm;
    const LeafPartition partition = partition_leaves(comm.size() + 3, comm.size());
    constexpr std::size_t kFlights = 5;
    std::vector<std::unique_ptr<TreeAllreduce<float>>> allreduces;
    std::vector<std::vector<std::vector<float>>> partials;
    std::vector<std::vector<float>> sums;
    for (std::size_t i = 0; i < kFlights; ++i) {
        const std::size_t n = 10 + 30 * i;
        allreduces.push_back(std::make_unique<TreeAllreduce<float>>(comm, static_cast<int>(i)));
        partials.push_back(test::partial_sums<float>(partition, comm.rank(), n));
        sums.emplace_back(n);
    }
    for (int round = 0; round < 20; ++round) {
        for (std::size_t k = 0; k < kFlights; ++k) {
            const std::size_t i = (k + comm.rank()) % kFlights;
            std::ranges::fill(sums[i], -1.0F);
            allreduces[i]->start(partition, views(partials[i]), sums[i]);
        }
        const auto done = [](const auto& allreduce) { return allreduce->progress(); };
        while (std::ranges::count_if(allreduces, done) < static_cast<std::ptrdiff_t>(kFlights)) {
        }
        for (const std::vector<float>& sum : sums) {
            CHECK(test::same_bits<float>(sum, test::serial_sum<float>({0, partition.leaves}, sum.size())));
        }
    }
}

TEST_CASE("tree allreduce: partial sums that do not fit the partition are refused before anything is sent") {
    const Communicator comm;
    TreeAllreduce<float> allreduce(comm);
    const LeafPartition partition = partition_leaves(comm.size(), comm.size());
    std::vector<float> values(4);
    std::vector<float> sum(4);
    std::vector<std::span<const float>> one{values};
    CHECK_THROWS_AS(run<float>(allreduce, partition, {}, sum), Error);
    CHECK_THROWS_AS(run<float>(allreduce, partition, one, std::span<float>(sum).first(3)), Error);
    CHECK_THROWS_AS(run<float>(allreduce, partition_leaves(9, comm.size() + 1), one, sum), Error);
    run<float>(allreduce, partition, one, sum);
    CHECK(allreduce.progress());
}

}  // namespace
}  // namespace lockstep
