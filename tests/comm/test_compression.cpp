// Compressed gradients: the serial tree's bits, whatever the hosts, in fewer bytes.
#include "core/arithmetic/compression.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "comm/channel.h"
#include "comm/gradient_reducer.h"
#include "core/arithmetic/bf16_rounding.h"
#include "delays.h"
#include "host_layouts.h"
#include "serial_tree.h"

namespace lockstep {
namespace {

/// A leaf as compression leaves it.
float compressed_value(Compression compression, std::size_t leaf, std::size_t index) {
    const auto value = test::leaf_value<float>(leaf, index);
    if (compression == Compression::kBf16) return scalar::from_bf16(scalar::to_bf16(value));
    if (compression == Compression::kTopK && (index * 7 + leaf) % 13 != 0) return 0.0F;
    return value;
}

/// The sum of `range` of the tree, each addition rounded where kBf16 has it.
std::vector<float> serial_sum(Compression compression, LeafRange range, std::size_t n) {
    std::vector<float> sum(n);
    if (range.count() == 1) {
        for (std::size_t i = 0; i < n; ++i) sum[i] = compressed_value(compression, range.begin, i);
        return sum;
    }
    std::size_t left = 1;
    while (2 * left < range.count()) left *= 2;
    const auto a = serial_sum(compression, {range.begin, range.begin + left}, n);
    const auto b = serial_sum(compression, {range.begin + left, range.end}, n);
    const ContractFloatMode float_mode;
    for (std::size_t i = 0; i < n; ++i) {
        sum[i] = a[i] + b[i];
        if (compression == Compression::kBf16) sum[i] = scalar::from_bf16(scalar::to_bf16(sum[i]));
    }
    return sum;
}

const std::vector<std::size_t> kBlocks{700, 10, 2000, 33};
constexpr std::size_t kNodes = 8;

/// One step; the sum.
std::span<const float> reduced(GradientReducer& reducer, const Communicator& comm,
                               const LeafPartition& partition, Compression compression) {
    reducer.begin(partition);
    for (std::size_t i = 0; i < partition.node_count(comm.rank()); ++i) {
        const LeafRange node = partition.nodes_of(comm.rank())[i];
        std::ranges::copy(serial_sum(compression, node, reducer.arena_count()), reducer.arenas()[i].begin());
    }
    test::Delays::maybe_sleep();
    reducer.start(0, reducer.arena_count());
    reducer.finish();
    return reducer.arenas()[0];
}

/// A communicator whose messages hold but a few values.
constexpr std::size_t kSmallMessage_bytes = 64;

TEST_CASE("compression: any partition over any hosts gives the serial tree's bits") {
    const Communicator plain;
    const Communicator small(plain.handle(), kSmallMessage_bytes);
    for (const Compression compression : {Compression::kBf16, Compression::kTopK}) {
        for (const std::vector<std::size_t>& labels : test::host_layouts(plain.size())) {
            for (const Communicator* comm : {&plain, &small}) {
                GradientReducerOptions options{Reduction::kTree, 4096, labels};
                options.compression = compression;
                GradientReducer reducer(*comm, kBlocks, kNodes, options);
                const test::Delays delays(static_cast<std::uint32_t>(900 + comm->rank()));
                for (std::uint32_t seed = 0; seed < 4; ++seed) {
                    CAPTURE(seed);
                    const LeafPartition partition = seed == 0 ? partition_leaves(8, comm->size())
                                                              : test::random_partition(9, comm->size(), seed);
                    CHECK(test::same_bits<float>(
                        reduced(reducer, *comm, partition, compression),
                        serial_sum(compression, {0, partition.leaves}, reducer.arena_count())));
                }
            }
        }
    }
}

TEST_CASE("compression: half the bytes with bf16, a fraction with few values, as many as ever without") {
    const Communicator comm;
    if (comm.size() < 2) return;
    std::vector<std::size_t> apart(comm.size());
    for (std::size_t rank = 0; rank < apart.size(); ++rank) apart[rank] = rank;
    const auto ratio = [&](Compression compression) {
        GradientReducerOptions options{Reduction::kTree, 4096, apart};
        options.compression = compression;
        GradientReducer reducer(comm, kBlocks, kNodes, options);
        static_cast<void>(reduced(reducer, comm, partition_leaves(comm.size(), comm.size()), compression));
        const Traffic traffic = reducer.traffic();
        CHECK(traffic.sent > 0);
        return static_cast<double>(traffic.plain) / static_cast<double>(traffic.sent);
    };
    CHECK(ratio(Compression::kNone) == 1.0);
    CHECK(ratio(Compression::kBf16) == 2.0);
    // One of 13 values a leaf, each twice as long; the sums of many leaves are dense.
    const double sparse = ratio(Compression::kTopK);
    CHECK(sparse > (comm.size() == 2 ? 4.0 : 0.99));
    CHECK(sparse < 6.5);
}

TEST_CASE("channel: every encoding brings what was sent, bit for bit") {
    const Communicator plain;
    const Communicator small(plain.handle(), kSmallMessage_bytes);
    const std::size_t to = (plain.rank() + 1) % plain.size();
    const std::size_t from = (plain.rank() + plain.size() - 1) % plain.size();
    for (const Communicator* comm : {&plain, &small}) {
        Channel<float> channel(*comm, 3);
        for (const Encoding encoding : {Encoding::kPlain, Encoding::kBf16, Encoding::kSparse}) {
            for (const std::size_t n : {0, 1, 2, 15, 16, 17, 1000}) {
                for (const std::size_t stride : {1, 2, 3, 50}) {  // between values other than +0
                    std::vector<float> sent(n);
                    for (std::size_t i = 0; i < n; i += stride) sent[i] = i % 2 == 0 ? -0.0F : 1.5F;
                    std::vector<float> received(n, 7.0F);
                    channel.send(sent, to, encoding);
                    channel.receive(std::span(received), from, encoding);
                    channel.wait_all();
                    CHECK(test::same_bits<float>(received, sent));
                }
            }
        }
    }
}

}  // namespace
}  // namespace lockstep
