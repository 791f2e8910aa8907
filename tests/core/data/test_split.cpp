// Splits of a set: sizes, that the parts are disjoint and cover it, that the seed alone decides; the view.
#include "core/data/split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "core/data/open_data.h"

using namespace lockstep;  // NOLINT(google-build-using-namespace)

namespace {

using Parts = std::vector<std::vector<std::uint64_t>>;

/// Whether every number below `count` is in exactly one part, each part in ascending order.
bool is_partition(const Parts& parts, std::size_t count) {
    std::vector<int> seen(count);
    for (const auto& part : parts) {
        if (!std::ranges::is_sorted(part)) return false;
        for (const std::uint64_t index : part) {
            if (index >= count) return false;
            ++seen[index];
        }
    }
    return std::ranges::all_of(seen, [](int times) { return times == 1; });
}

}  // namespace

TEST_CASE("split: two or three whole shares that add up to 100, or none") {
    CHECK(parse_split("none")->per_cent.empty());
    CHECK(parse_split("80/20")->per_cent == std::vector<std::size_t>{80, 20});
    CHECK(parse_split("60/20/20")->per_cent == std::vector<std::size_t>{60, 20, 20});
    for (const char* wrong : {"", "100", "60/20/21", "100/0", "50/25/20/5", "60/20/", "a/b", "99.5/0.5",
                              "-10/110", "18446744073709551615/101"}) {
        CAPTURE(wrong);
        CHECK(!parse_split(wrong));
    }
}

TEST_CASE("split: the parts are disjoint, cover the set, and have their sizes") {
    const SplitShares shares{{60, 20, 20}};
    for (const std::size_t count : {5, 10, 101, 1000}) {
        const Parts parts = split_indices(count, shares, 7);
        REQUIRE(parts.size() == 3);
        CHECK(is_partition(parts, count));
        CHECK(parts[0].size() == (count * 60 + 50) / 100);
    }
    CHECK(split_indices(10, shares, 7)[1].size() == 2);
    Parts planted = split_indices(10, shares, 7);
    planted[1].push_back(planted[0].back());
    CHECK(!is_partition(planted, 10));
}

TEST_CASE("split: the seed decides, and no part is a run of neighbours") {
    const SplitShares shares{{60, 20, 20}};
    CHECK(split_indices(1000, shares, 7) == split_indices(1000, shares, 7));
    CHECK(split_indices(1000, shares, 7) != split_indices(1000, shares, 8));
    // Of 200 random samples of 1000 about 100 lie in the lower half, with a deviation of 6.3: 7 deviations.
    const auto validation = split_indices(1000, shares, 7)[1];
    const auto lower = std::ranges::count_if(validation, [](std::uint64_t index) { return index < 500; });
    CHECK(lower > 55);
    CHECK(lower < 145);
}

TEST_CASE("split: a part shows the samples of the whole set") {
    DataOptions options;
    options.source = "oaks";
    options.train_samples = 50;
    const DataSets whole = open_data(options);
    CHECK(whole.validation == nullptr);
    options.split = {{60, 20, 20}};
    const DataSets parts = open_data(options);
    CHECK(parts.train->size() == 30);
    CHECK(parts.validation->size() == 10);
    CHECK(parts.test->size() == 10);
    CHECK(parts.train->digest() != parts.validation->digest());
    CHECK(parts.test->description().find("test part of 10 samples of ") == 0);

    const auto indices = split_indices(50, options.split, options.split_seed);
    std::vector<std::uint64_t> all(10);
    std::iota(all.begin(), all.end(), std::uint64_t{0});
    const std::size_t n = whole.train->input_size();
    const std::size_t m = whole.train->target_size();
    std::vector<float> x(10 * n), y(10 * m), x_whole(10 * n), y_whole(10 * m);
    parts.validation->read(all, {x.data(), 10, n}, {{}, {y.data(), 10, m}});
    whole.train->read(indices[1], {x_whole.data(), 10, n}, {{}, {y_whole.data(), 10, m}});
    CHECK(x == x_whole);
    CHECK(y == y_whole);
    all[0] = 10;
    CHECK_THROWS_AS(parts.validation->read(all, {x.data(), 10, n}, {}), std::out_of_range);

    options.split = {{80, 20}};
    CHECK(open_data(options).test->digest() == whole.test->digest());
}

TEST_CASE("split: an empty part is an error that names it") {
    DataOptions options;
    options.source = "xor";
    options.split = {{98, 1, 1}};
    CHECK_THROWS_WITH_AS(open_data(options), doctest::Contains("data.split = 98/1/1: the validation part of"),
                         DataError);
}
