// The gradient reducer: whatever the buckets and the order of arrival, the serial tree's bits.
#include "comm/gradient_reducer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "delays.h"
#include "host_layouts.h"
#include "serial_tree.h"

namespace lockstep {
namespace {

const std::vector<std::size_t> kBlocks{7, 100, 0, 33, 1, 64, 250};

std::vector<Slice> layers_of(const std::vector<std::size_t>& blocks) {
    std::vector<Slice> layers;
    std::size_t begin = 0;
    for (const std::size_t count : blocks) {
        layers.push_back({begin, count});
        begin += count;
    }
    return layers;
}

enum class Arrival { kNone, kLastFirst, kFirstFirst, kByRank, kInPieces };

void start_layers(GradientReducer& reducer, const Communicator& comm, Arrival arrival) {
    if (arrival == Arrival::kNone) return;
    std::vector<Slice> layers = layers_of(kBlocks);
    if (arrival == Arrival::kLastFirst || arrival == Arrival::kInPieces) std::ranges::reverse(layers);
    if (arrival == Arrival::kByRank) {
        std::rotate(layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(comm.rank() % layers.size()),
                    layers.end());
    }
    for (const Slice& layer : layers) {
        const std::size_t head = arrival == Arrival::kInPieces ? layer.count / 3 : 0;
        test::Delays::maybe_sleep();
        reducer.start(layer.begin + head, layer.count - head);
        reducer.progress();
        if (head > 0) reducer.start(layer.begin, head);
    }
}

/// What stands in an idle rank's arena: never added.
constexpr float kStale = -5.0F;

/// One step up to the point where all gradients are on their way.
void start_step(GradientReducer& reducer, const Communicator& comm, const LeafPartition& partition,
                Arrival arrival, const test::LeafOrder& order = test::every_leaf_in_its_place) {
    const auto partials = test::partial_sums<float>(partition, comm.rank(), reducer.arena_count(), order);
    reducer.begin(partition);
    for (const std::span<float> arena : reducer.arenas()) std::ranges::fill(arena, kStale);
    for (std::size_t i = 0; i < partials.size(); ++i)
        std::ranges::copy(partials[i], reducer.arenas()[i].begin());
    start_layers(reducer, comm, arrival);
}

/// One step of the reducer; the arena of the result.
std::span<const float> reduced(GradientReducer& reducer, const Communicator& comm,
                               const LeafPartition& partition, Arrival arrival,
                               const test::LeafOrder& order = test::every_leaf_in_its_place) {
    start_step(reducer, comm, partition, arrival, order);
    reducer.finish();
    return reducer.arenas()[0];
}

/// More nodes than any rank owns in these tests.
constexpr std::size_t kNodes = 8;

TEST_CASE("gradient reducer: the size of the buckets and the order of the layers change no bit") {
    const Communicator comm;
    for (const std::size_t bucket_bytes : {1, 64, 400, 1000, 1 << 20}) {
        CAPTURE(bucket_bytes);
        GradientReducer reducer(comm, kBlocks, kNodes, {Reduction::kTree, bucket_bytes});
        CHECK(reducer.arena_count() == 455);
        for (const std::size_t leaves : {std::size_t{1}, comm.size(), 2 * comm.size(), std::size_t{11}}) {
            const LeafPartition partition = partition_leaves(leaves, comm.size());
            const std::vector<float> serial = test::serial_sum<float>({0, leaves}, reducer.arena_count());
            for (const Arrival arrival :
                 {Arrival::kLastFirst, Arrival::kFirstFirst, Arrival::kByRank, Arrival::kInPieces}) {
                CHECK(test::same_bits<float>(reduced(reducer, comm, partition, arrival), serial));
            }
        }
    }
}

TEST_CASE("gradient reducer: ranks delayed at random points change no bit") {
    const Communicator comm;
    for (const std::vector<std::size_t>& labels : test::host_layouts(comm.size())) {
        GradientReducer reducer(comm, kBlocks, kNodes, {Reduction::kTree, 300, labels});
        const test::Delays delays(static_cast<std::uint32_t>(500 + comm.rank()));
        for (std::uint32_t seed = 0; seed < 10; ++seed) {
            const LeafPartition partition = test::random_partition(9, comm.size(), seed);
            CHECK(test::same_bits<float>(reduced(reducer, comm, partition, Arrival::kByRank),
                                         test::serial_sum<float>({0, 9}, reducer.arena_count())));
        }
    }
}

TEST_CASE("gradient reducer: MPI's sum of integers is exact, with idle ranks and several nodes a rank") {
    const Communicator comm;
    for (const std::size_t leaves : {std::size_t{1}, comm.size(), std::size_t{13}}) {
        GradientReducer reducer(comm, kBlocks, kNodes, {Reduction::kMpi, 200});
        const LeafPartition partition = partition_leaves(leaves, comm.size());
        reducer.begin(partition);
        for (std::size_t node = 0; node < kNodes; ++node) {
            const bool owned = node < partition.node_count(comm.rank());
            std::ranges::fill(reducer.arenas()[node], owned ? static_cast<float>(node + 1) : kStale);
        }
        start_layers(reducer, comm, Arrival::kByRank);
        reducer.finish();
        float expected = 0;
        for (std::size_t rank = 0; rank < comm.size(); ++rank) {
            const std::size_t count = partition.node_count(rank);
            const std::size_t sum = count * (count + 1) / 2;
            expected += static_cast<float>(sum);
        }
        CHECK(std::ranges::count(reducer.arenas()[0], expected) == 455);
    }
}

TEST_CASE(
    "gradient reducer: MPI's sum of three ranks or more fails the tree's check, which shows that it sees") {
    const Communicator comm;
    if (comm.size() < 3) return;  // two nodes have only one order
    GradientReducer reducer(comm, kBlocks, kNodes, {Reduction::kMpi, 1 << 20});
    // Whole batches whose tree is no chain over the ranks, nor any other shape that MPI uses for this count.
    bool differs = false;
    for (std::size_t leaves = comm.size(); leaves < comm.size() + 8; ++leaves) {
        const LeafPartition partition = partition_leaves(leaves, comm.size());
        const std::vector<float> serial = test::serial_sum<float>({0, leaves}, reducer.arena_count());
        differs |= !test::same_bits<float>(reduced(reducer, comm, partition, Arrival::kLastFirst), serial);
    }
    CHECK(differs);
}

TEST_CASE("gradient reducer: buckets are runs of whole blocks, grouped from the arena's end") {
    using Blocks = std::vector<std::size_t>;
    const auto buckets = [](const Blocks& blocks, std::size_t values) {
        return make_buckets(blocks, values * sizeof(float));
    };
    CHECK(buckets({}, 10).empty());
    CHECK(buckets({0, 0}, 10).empty());
    CHECK(buckets({5}, 1) == std::vector<Slice>{{0, 5}});
    CHECK(buckets({3, 4, 5}, 1) == std::vector<Slice>{{7, 5}, {3, 4}, {0, 3}});
    CHECK(buckets({3, 4, 5}, 6) == std::vector<Slice>{{3, 9}, {0, 3}});
    CHECK(buckets({3, 4, 5}, 100) == std::vector<Slice>{{0, 12}});
    CHECK(buckets({3, 0, 50, 0, 2}, 10) == std::vector<Slice>{{3, 52}, {0, 3}});
}

TEST_CASE("gradient reducer: an empty arena, and one smaller than the ranks, work") {
    const Communicator comm;
    for (const std::size_t count : {0, 1, 2}) {
        GradientReducer reducer(comm, std::vector<std::size_t>{count}, kNodes, {});
        start_step(reducer, comm, partition_leaves(5, comm.size()), Arrival::kNone);
        reducer.start(0, count);
        reducer.finish();
        CHECK(test::same_bits<float>(reducer.arenas()[0], test::serial_sum<float>({0, 5}, count)));
    }
}

TEST_CASE("gradient reducer: a layer forgotten, started twice or outside the arena is an error") {
    const Communicator comm;
    GradientReducer reducer(comm, kBlocks, 1, {Reduction::kTree, 1 << 20});
    const LeafPartition partition = partition_leaves(comm.size(), comm.size());
    const std::size_t count = reducer.arena_count();
    CHECK_THROWS_AS(reducer.start(0, 1), Error);
    CHECK_THROWS_AS(reducer.finish(), Error);
    CHECK_THROWS_AS(reducer.begin(partition_leaves(9, comm.size() + 1)), Error);
    reducer.begin(partition);
    CHECK_THROWS_AS(reducer.begin(partition), Error);
    CHECK_THROWS_AS(reducer.start(count, 1), Error);
    reducer.start(1, count - 1);
    CHECK_THROWS_AS(reducer.finish(), Error);
    CHECK_THROWS_AS(reducer.start(1, 2), Error);
    reducer.start(0, 1);
    reducer.finish();
}

TEST_CASE("gradient reducer: a rank with more nodes than arenas is refused") {
    const Communicator comm;
    GradientReducer reducer(comm, kBlocks, 1, {});
    if (comm.rank() + 1 < comm.size() || comm.size() == 1) return;
    // The last rank's 7 of 8 leaves are 3 nodes: the tree splits them off one by one.
    std::vector<std::size_t> cuts(comm.size() + 1, 1);
    cuts.front() = 0;
    cuts.back() = 8;
    CHECK_THROWS_AS(reducer.begin(test::partition_by_cuts(8, cuts)), Error);
}

TEST_CASE("gradient reducer: however the ranks lie on hosts, the serial tree's bits") {
    const Communicator comm;
    for (const std::vector<std::size_t>& labels : test::host_layouts(comm.size())) {
        CAPTURE(labels.size());
        GradientReducer reducer(comm, kBlocks, kNodes, {Reduction::kTree, 400, labels});
        if (!labels.empty()) CHECK(reducer.layout().hosts() == HostLayout(labels).hosts());
        for (const std::size_t leaves :
             {std::size_t{0}, std::size_t{1}, comm.size(), 2 * comm.size(), 3 * comm.size() + 1}) {
            const LeafPartition partition = partition_leaves(leaves, comm.size());
            const std::vector<float> serial = test::serial_sum<float>({0, leaves}, reducer.arena_count());
            CHECK(test::same_bits<float>(reduced(reducer, comm, partition, Arrival::kByRank), serial));
            if (leaves < 3) continue;
            const auto swapped = [&](std::size_t place) {
                return place == 0 ? leaves - 1 : place == leaves - 1 ? 0 : place;
            };
            CHECK_FALSE(test::same_bits<float>(
                reduced(reducer, comm, partition, Arrival::kLastFirst, swapped), serial));
        }
        for (std::uint32_t seed = 0; seed < 8; ++seed) {
            const LeafPartition partition = test::random_partition(9, comm.size(), seed);
            CHECK(test::same_bits<float>(reduced(reducer, comm, partition, Arrival::kInPieces),
                                         test::serial_sum<float>({0, 9}, reducer.arena_count())));
        }
    }
}

TEST_CASE("gradient reducer: arenas of all lengths around the slices' boundaries, on all layouts") {
    const Communicator comm;
    const std::size_t ranks = comm.size();
    for (const std::vector<std::size_t>& labels : test::host_layouts(ranks)) {
        for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, ranks - 1, ranks + 1,
                                        16 * ranks - 1, 16 * ranks, 16 * ranks + 17, std::size_t{1500}}) {
            CAPTURE(count);
            GradientReducer reducer(comm, std::vector<std::size_t>{count}, kNodes,
                                    {Reduction::kTree, 1, labels});
            for (const std::size_t leaves : {ranks, std::size_t{11}}) {
                start_step(reducer, comm, partition_leaves(leaves, ranks), Arrival::kNone);
                reducer.start(0, count);
                reducer.finish();
                CHECK(
                    test::same_bits<float>(reducer.arenas()[0], test::serial_sum<float>({0, leaves}, count)));
            }
        }
    }
}

TEST_CASE(
    "gradient reducer: buckets finish in order, each in slices that cover it, and stay until the last") {
    const Communicator comm;
    const std::size_t leaves = comm.size() + 2;
    const LeafPartition partition = partition_leaves(leaves, comm.size());
    for (const Reduction reduction : {Reduction::kTree, Reduction::kMpi}) {
        GradientReducer reducer(comm, kBlocks, kNodes, {reduction, 300});
        const std::vector<float> serial = test::serial_sum<float>({0, leaves}, reducer.arena_count());
        for (int step = 0; step < 3; ++step) {
            start_step(reducer, comm, partition, Arrival::kLastFirst);
            std::vector<std::span<const float>> found;
            std::vector<Slice> places;
            for (const Slice& bucket : reducer.buckets()) {
                std::size_t next = bucket.begin;
                for (const auto& [slice, arena] : reducer.finish_next()) {
                    REQUIRE(slice.begin == next);
                    next += slice.count;
                    places.push_back(slice);
                    found.push_back(arena.subspan(slice.begin, slice.count));
                }
                CHECK(next == bucket.begin + bucket.count);
            }
            if (reduction == Reduction::kTree) {
                for (std::size_t i = 0; i < found.size(); ++i) {
                    CHECK(test::same_bits<float>(
                        found[i], std::span(serial).subspan(places[i].begin, places[i].count)));
                }
            }
            CHECK(reducer.finish_next().empty());
        }
    }
}

TEST_CASE("gradient reducer: a sum read in place is not overwritten before the slowest rank has read it") {
    const Communicator comm;
    GradientReducer reducer(comm, kBlocks, kNodes, {Reduction::kTree, 300});
    const test::Delays delays(static_cast<std::uint32_t>(900 + comm.rank()));
    for (std::uint32_t step = 0; step < 60; ++step) {
        const std::size_t leaves = 2 * comm.size() + step % 3;
        start_step(reducer, comm, partition_leaves(leaves, comm.size()), Arrival::kLastFirst);
        const std::vector<float> serial = test::serial_sum<float>({0, leaves}, reducer.arena_count());
        for (auto sums = reducer.finish_next(); !sums.empty(); sums = reducer.finish_next()) {
            test::Delays::maybe_sleep();
            for (const auto& [slice, arena] : sums) {
                CHECK(test::same_bits<float>(arena.subspan(slice.begin, slice.count),
                                             std::span(serial).subspan(slice.begin, slice.count)));
            }
        }
    }
    CHECK(test::Delays::count() > 0);
}

}  // namespace
}  // namespace lockstep
