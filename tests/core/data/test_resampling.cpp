#include "core/data/resampling.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace lockstep {
namespace {

TEST_CASE("cross-validation: every sample is judged once, by a network that has not seen it") {
    for (const std::size_t count : {2U, 7U, 100U}) {
        for (const std::size_t folds : {2U, 3U, 7U}) {
            if (folds > count) continue;
            CAPTURE(count);
            CAPTURE(folds);
            const auto draws = cross_validation(count, folds, 5);
            REQUIRE(draws.size() == folds);
            std::multiset<std::uint64_t> judged;
            for (const Resample& draw : draws) {
                CHECK(std::ranges::is_sorted(draw.training));
                CHECK(std::ranges::is_sorted(draw.validation));
                CHECK(draw.validation.size() >= count / folds);
                CHECK(draw.validation.size() <= (count + folds - 1) / folds);
                std::set<std::uint64_t> both(draw.training.begin(), draw.training.end());
                both.insert(draw.validation.begin(), draw.validation.end());
                CHECK(both.size() == count);
                CHECK(draw.training.size() + draw.validation.size() == count);
                judged.insert(draw.validation.begin(), draw.validation.end());
            }
            CHECK(judged.size() == count);
            CHECK(std::set(judged.begin(), judged.end()).size() == count);
        }
    }
}

TEST_CASE("cross-validation: another seed cuts other folds, the same one the same") {
    const auto first_fold = [](std::uint64_t seed) {
        return cross_validation(50, 5, seed).front().validation;
    };
    CHECK(first_fold(1) == first_fold(1));
    CHECK(first_fold(1) != first_fold(2));
}

TEST_CASE("bootstrap: as many samples as the set has, and those never drawn") {
    constexpr std::size_t kCount = 10000;
    const Resample draw = bootstrap(kCount, 3, 0);
    CHECK(draw.training.size() == kCount);
    CHECK(std::ranges::is_sorted(draw.training));
    const std::set<std::uint64_t> drawn(draw.training.begin(), draw.training.end());
    CHECK(*drawn.rbegin() < kCount);
    for (const std::uint64_t sample : draw.validation) CHECK_FALSE(drawn.contains(sample));
    CHECK(drawn.size() + draw.validation.size() == kCount);
    // (1 - 1/n)^n of the set, with a standard deviation of about 31 samples
    CHECK(draw.validation.size() > 3679 - 155);
    CHECK(draw.validation.size() < 3679 + 155);
}

TEST_CASE("bootstrap: every number and seed is another draw, reproducible") {
    CHECK(bootstrap(50, 1, 0).training == bootstrap(50, 1, 0).training);
    CHECK(bootstrap(50, 1, 0).training != bootstrap(50, 1, 1).training);
    CHECK(bootstrap(50, 1, 0).training != bootstrap(50, 2, 0).training);
    CHECK(bootstrap(1, 1, 0).training == std::vector<std::uint64_t>{0});
}

}  // namespace
}  // namespace lockstep
