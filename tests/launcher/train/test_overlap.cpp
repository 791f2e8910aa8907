#include "launcher/train/overlap.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/arithmetic/gemm.h"
#include "launcher/train/replica.h"

namespace lockstep {
namespace {

constexpr std::size_t kSize = 300;  // some panels

void multiply() {
    const std::vector<float> a(kSize * kSize, 1.0F);
    std::vector<float> c(kSize * kSize);
    const std::vector<float> bias(kSize);
    dense_forward({a.data(), kSize, kSize}, {a.data(), kSize, kSize}, bias, Activation{},
                  {c.data(), kSize, kSize});
    CHECK(c.back() == kSize);
}

}  // namespace

TEST_CASE("overlap: transfers have turns while products are computed, and not after") {
    std::size_t turns = 0;
    Overlap overlap([&] { ++turns; });
    overlap.during(multiply);
    if (instruction_set() != InstructionSet::kScalar) CHECK(turns > 1);
    const std::size_t then = turns;
    multiply();
    CHECK(turns == then);
}

TEST_CASE("overlap: an error of the transfers comes after the computation, once") {
    if (instruction_set() == InstructionSet::kScalar) return;
    std::size_t turns = 0;
    Overlap overlap([&] {
        if (++turns == 1) throw std::runtime_error("broken");
    });
    bool computed = false;
    CHECK_THROWS_WITH(overlap.during([&] {
        multiply();
        computed = true;
    }),
                      "broken");
    CHECK(computed);
    CHECK(turns == 1);
    CHECK_NOTHROW(overlap.during(multiply));
}

TEST_CASE("overlap: with nothing to hide it computes") {
    bool computed = false;
    Overlap(nullptr).during([&] { computed = true; });
    CHECK(computed);
}

TEST_CASE("hidden share: what did not show of a reduction") {
    CHECK(hidden_share(2.0, 0.5) == 0.75);
    CHECK(hidden_share(2.0, 3.0) == 0.0);
    CHECK(hidden_share(0.0, 0.0) == 0.0);
}

}  // namespace lockstep
