// Sharded training in small: whatever is divided among the ranks, and however they lie on hosts, the values
// after some steps are those of one process.
#include "comm/sharded_values.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "delays.h"
#include "host_layouts.h"
#include "serial_tree.h"

namespace lockstep {
namespace {

using Blocks = std::vector<std::size_t>;

/// More nodes than any rank owns in these tests.
constexpr std::size_t kNodes = 8;

float first_value(std::size_t i) { return test::leaf_value<float>(1000, i); }

/// The rule of these trainings: element-wise, and depending on the values' bits.
float updated(float value, float sum) { return value * 0.875F - sum; }

/// The leaves of a step: whole and short batches in turn, so that both algorithms serve the same elements.
std::size_t leaves_of(std::size_t step, std::size_t ranks) {
    return std::vector<std::size_t>{2 * ranks, 1, ranks, 2 * ranks + 1}[step % 4];
}
constexpr std::size_t kSteps = 5;

/// What one process comes to.
std::vector<float> trained_alone(std::size_t n, std::size_t ranks, const test::LeafOrder& order) {
    std::vector<float> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = first_value(i);
    for (std::size_t step = 0; step < kSteps; ++step) {
        const auto sum = test::serial_sum<float>({0, leaves_of(step, ranks)}, n, order);
        for (std::size_t i = 0; i < n; ++i) values[i] = updated(values[i], sum[i]);
    }
    return values;
}

GradientReducerOptions options_for(Sharding sharding, const Blocks& blocks, std::size_t bucket_bytes,
                                   const std::vector<std::size_t>& labels) {
    GradientReducerOptions options{Reduction::kTree, bucket_bytes, labels, sharding, nullptr};
    if (sharding == Sharding::kParameters) {
        options.shared_bytes = ShardedValues::shared_bytes(make_buckets(blocks, bucket_bytes));
    }
    return options;
}

/// This rank's gradients of a step, bucket by bucket as backpropagation makes them.
void start_step(GradientReducer& reducer, const Communicator& comm, std::size_t step,
                const GradientReducer::Update& update) {
    const LeafPartition partition = partition_leaves(leaves_of(step, comm.size()), comm.size());
    const auto partials = test::partial_sums<float>(partition, comm.rank(), reducer.arena_count());
    reducer.begin(partition, update);
    for (const auto& [begin, count] : reducer.buckets()) {
        for (std::size_t node = 0; node < partials.size(); ++node) {
            const std::span<const float> values = partials[node];
            std::ranges::copy(values.subspan(begin, count), reducer.gradient(node, begin, count).begin());
        }
        test::Delays::maybe_sleep();
        reducer.start(begin, count);
    }
}

/// All ranks hold all values, each updates what it owns.
std::vector<float> trained_with_sharded_updates(const Communicator& comm, GradientReducer& reducer) {
    std::vector<float> values(reducer.arena_count());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first_value(i);
    for (std::size_t step = 0; step < kSteps; ++step) {
        start_step(reducer, comm, step, [&](std::size_t bucket, std::span<float> sums) {
            const std::size_t begin = reducer.owned(bucket).begin;
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = updated(values[begin + i], sums[i]);
        });
        for (auto sums = reducer.finish_next(); !sums.empty(); sums = reducer.finish_next()) {
            for (const auto& [slice, arena] : sums) {
                std::ranges::copy(arena.subspan(slice.begin, slice.count),
                                  values.begin() + static_cast<std::ptrdiff_t>(slice.begin));
            }
        }
    }
    return values;
}

/// All values as the buckets give them, read in the arena's order or backwards, each with the next announced.
std::vector<float> read_all(ShardedValues& values, const GradientReducer& reducer, bool ascending) {
    std::vector<float> all(reducer.arena_count());
    const std::size_t count = reducer.buckets().size();
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = [&](std::size_t place) { return ascending ? count - 1 - place : place; };
        const auto next = i + 1 < count ? std::optional(at(i + 1)) : std::nullopt;
        const std::span<const float> bucket = values.bucket(at(i), next);
        test::Delays::maybe_sleep();
        std::ranges::copy(bucket, all.begin() + static_cast<std::ptrdiff_t>(reducer.buckets()[at(i)].begin));
    }
    return all;
}

/// No rank holds all values; every step reads them forward and backward first.
std::vector<float> trained_with_sharded_values(const Communicator& comm, GradientReducer& reducer) {
    ShardedValues values(reducer);
    for (std::size_t bucket = 0; bucket < reducer.buckets().size(); ++bucket) {
        const std::span<float> own = values.owned(bucket);
        for (std::size_t i = 0; i < own.size(); ++i) own[i] = first_value(reducer.owned(bucket).begin + i);
    }
    values.publish();
    for (std::size_t step = 0; step < kSteps; ++step) {
        const std::vector<float> forward = read_all(values, reducer, true);
        CHECK(test::same_bits<float>(read_all(values, reducer, false), forward));
        start_step(reducer, comm, step, [&](std::size_t bucket, std::span<float> sums) {
            const std::span<float> own = values.owned(bucket);
            for (std::size_t i = 0; i < sums.size(); ++i) own[i] = updated(own[i], sums[i]);
        });
        reducer.finish();
        values.publish();
    }
    return read_all(values, reducer, true);
}

std::vector<float> trained(const Communicator& comm, GradientReducer& reducer, Sharding sharding) {
    return sharding == Sharding::kOptimizer ? trained_with_sharded_updates(comm, reducer)
                                            : trained_with_sharded_values(comm, reducer);
}

/// Trains in both ways on all layouts, and compares with one process.
void check_trainings(const Communicator& comm, const Blocks& blocks, std::size_t bucket_bytes) {
    const std::size_t n = std::accumulate(blocks.begin(), blocks.end(), std::size_t{0});
    const std::vector<float> alone = trained_alone(n, comm.size(), test::every_leaf_in_its_place);
    for (const std::vector<std::size_t>& labels : test::host_layouts(comm.size())) {
        for (const Sharding sharding : {Sharding::kOptimizer, Sharding::kParameters}) {
            CAPTURE(labels);
            CAPTURE(static_cast<int>(sharding));
            GradientReducer reducer(comm, blocks, kNodes,
                                    options_for(sharding, blocks, bucket_bytes, labels));
            CHECK(test::same_bits<float>(trained(comm, reducer, sharding), alone));
        }
    }
}

TEST_CASE("owned slices: those of all ranks make up the values, for any number of ranks") {
    for (std::size_t ranks = 1; ranks <= 17; ++ranks) {
        for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{7}, ranks, 16 * ranks + 3}) {
            std::vector<int> owners(n);
            for (std::size_t rank = 0; rank < ranks; ++rank) {
                const Slice slice = owned_slice(n, rank, ranks);
                REQUIRE(slice.begin + slice.count <= n);
                for (std::size_t i = 0; i < slice.count; ++i) ++owners[slice.begin + i];
            }
            CHECK(std::ranges::count(owners, 1) == static_cast<std::ptrdiff_t>(n));
        }
    }
}

TEST_CASE("sharded values: buckets of all sizes, the values of one process on all layouts") {
    const Communicator comm;
    for (const std::size_t bucket_bytes : {std::size_t{1}, std::size_t{400}, std::size_t{1} << 20}) {
        check_trainings(comm, {7, 100, 0, 33, 1, 64, 250}, bucket_bytes);
    }
}

TEST_CASE("sharded values: lengths around the slices' boundaries, and fewer than the ranks") {
    const Communicator comm;
    const std::size_t ranks = comm.size();
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, ranks - 1, ranks + 1,
                                    128 * ranks - 1, 128 * ranks, 128 * ranks + 17}) {
        CAPTURE(count);
        check_trainings(comm, {count}, 1);
    }
}

TEST_CASE("sharded values: ranks delayed at random points change no bit") {
    const Communicator comm;
    const test::Delays delays(static_cast<std::uint32_t>(700 + comm.rank()));
    check_trainings(comm, {7, 300, 33, 1, 64, 550}, 100);
    CHECK(test::Delays::count() > 0);
}

TEST_CASE("sharded values: the comparison sees two leaves exchanged") {
    const Communicator comm;
    if (comm.size() < 2) return;
    const Blocks blocks{100, 30};
    const auto exchanged = [](std::size_t place) { return place == 0 ? 3 : place == 3 ? 0 : place; };
    GradientReducer reducer(comm, blocks, kNodes, options_for(Sharding::kParameters, blocks, 1, {}));
    CHECK_FALSE(test::same_bits<float>(trained(comm, reducer, Sharding::kParameters),
                                       trained_alone(130, comm.size(), exchanged)));
}

TEST_CASE("sharded values: gradients live in the memory of two buckets") {
    const Communicator comm;
    const Blocks blocks{100, 100, 100, 100};
    GradientReducer reducer(comm, blocks, 1, options_for(Sharding::kParameters, blocks, 1, {}));
    CHECK(reducer.arenas()[0].size() == 200);
    CHECK(reducer.arena_count() == 400);
}

}  // namespace
}  // namespace lockstep
