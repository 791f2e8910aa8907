// What compression does to a leaf's sum, against the plainest way to say it.
#include "core/arithmetic/compression.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "core/arithmetic/bf16_rounding.h"
#include "core/base/philox.h"
#include "core/base/threads.h"

namespace lockstep::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Few values of many, so that there are ties, or spread over many exponents.
std::vector<float> random_values(std::size_t n, std::uint32_t seed, bool ties) {
    std::vector<float> values(n);
    for (std::size_t i = 0; i < n; ++i) {
        const PhiloxCounter words = philox4x32({static_cast<std::uint32_t>(i), seed, 0, 0}, {3, 4});
        const auto sign = (words[1] & 1) != 0 ? -1.0F : 1.0F;
        values[i] = ties ? sign * static_cast<float>(words[0] % 5)
                         : sign * std::ldexp(1.0F + static_cast<float>(words[0] >> 9) * 0x1p-23F,
                                             static_cast<int>(words[2] % 60) - 30);
    }
    return values;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// keep_largest by a stable sort of each block.
void keep_by_sorting(std::vector<float>& values, std::vector<float>& residual, double share) {
    for (std::size_t first = 0; first < values.size(); first += kKeepBlock) {
        const std::size_t count = std::min(kKeepBlock, values.size() - first);
        std::vector<std::size_t> order(count);
        std::iota(order.begin(), order.end(), first);
        for (const std::size_t i : order) residual[i] += values[i];
        std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) {
            return std::bit_cast<std::uint32_t>(residual[i]) & 0x7FFFFFFFU;
        });
        const auto keep = static_cast<std::size_t>(std::ceil(share * static_cast<double>(count)));
        for (std::size_t place = 0; place < count; ++place) {
            const std::size_t i = order[place];
            values[i] = place < keep ? residual[i] : 0.0F;
            if (place < keep) residual[i] = 0.0F;
        }
    }
}

}  // namespace

TEST_CASE("keep_largest: what a sort keeps, step after step, with ties and short blocks") {
    for (const std::size_t n : {1, 2, 1023, 1024, 1025, 5000}) {
        for (const double share : {0.0001, 0.01, 0.5, 1.0}) {
            for (const bool ties : {false, true}) {
                CAPTURE(n);
                CAPTURE(share);
                CAPTURE(ties);
                std::vector<float> residual(n);
                std::vector<float> expected_residual(n);
                for (std::uint32_t step = 0; step < 3; ++step) {
                    std::vector<float> values = random_values(n, step, ties);
                    std::vector<float> expected = values;
                    keep_largest(values, residual, share);
                    keep_by_sorting(expected, expected_residual, share);
                    REQUIRE(same_bits(values, expected));
                    REQUIRE(same_bits(residual, expected_residual));
                }
            }
        }
    }
}

TEST_CASE("keep_largest: threads change no bit") {
    const std::vector<float> gradient = random_values(200'000, 7, false);
    std::vector<float> one = gradient;
    std::vector<float> residual_one(one.size());
    keep_largest(one, residual_one, 0.02);
    set_thread_count(3);
    std::vector<float> three = gradient;
    std::vector<float> residual_three(three.size());
    keep_largest(three, residual_three, 0.02);
    set_thread_count(1);
    CHECK(same_bits(one, three));
    CHECK(same_bits(residual_one, residual_three));
}

TEST_CASE("keep_largest: a NaN goes up before anything else, infinity next") {
    std::vector<float> values{1.0F, kInf, -3.0F, std::nanf(""), 2.0F};
    std::vector<float> residual(5);
    keep_largest(values, residual, 0.4);
    CHECK(std::isnan(values[3]));
    CHECK(values[1] == kInf);
    CHECK(values[2] == 0.0F);
    CHECK(residual == std::vector<float>{1.0F, 0.0F, -3.0F, 0.0F, 2.0F});
}

TEST_CASE("kept_of: rounded up, at least one") {
    CHECK(kept_of(1024, 0.01) == 11);
    CHECK(kept_of(10, 0.001) == 1);
    CHECK(kept_of(10, 1.0) == 10);
}

TEST_CASE("round_to_bf16, add_rounded: value by value as scalar/bf16.h has it") {
    std::vector<float> a = random_values(1000, 1, false);
    std::vector<float> b = random_values(1000, 2, false);
    a.insert(a.end(), {kInf, -kInf, 0.0F, -0.0F, 1e-40F, 3.4e38F});
    b.insert(b.end(), {-kInf, -1.0F, -0.0F, -0.0F, 1.0F, 3.4e38F});
    std::vector<float> rounded = a;
    round_to_bf16(rounded);
    std::vector<float> sum = a;
    add_rounded(sum, b);
    for (std::size_t i = 0; i < a.size(); ++i) {
        CAPTURE(a[i]);
        CAPTURE(b[i]);
        CHECK((std::bit_cast<std::uint32_t>(rounded[i]) >> 16) == scalar::to_bf16(a[i]));
        CHECK((std::bit_cast<std::uint32_t>(rounded[i]) & 0xFFFFU) == 0);
        const ContractFloatMode float_mode;
        CHECK((std::bit_cast<std::uint32_t>(sum[i]) >> 16) == scalar::to_bf16(a[i] + b[i]));
    }
}

}  // namespace lockstep::test
