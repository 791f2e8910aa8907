// Dropout and the bound on norms: every instruction set against scalar, and scalar against the definition.
#include <algorithm>

#include "core/arithmetic/column_norm.h"
#include "core/arithmetic/dropout.h"
#include "core/base/philox.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

constexpr DropoutDraw kDraw{.seed = 0x123456789ABCDEF0, .step = 77, .place = 3, .first = 4000000000U};

bool silent(float dropped) { return std::bit_cast<std::uint32_t>(dropped) == 0x80000000U; }

}  // namespace

TEST_CASE("drop_out and mask_dropped: any shape, start and float give the scalar bits") {
    const ContractFloatMode mode;
    Random random(changing_seed());
    for (const std::size_t units : {1, 7, 15, 16, 17, 63, 64, 65, 100, 130, 784}) {
        for (const float rate : {0.2F, 0.5F, 0.999F}) {
            const GuardedMatrix y = GuardedMatrix(5, units, random).fill(random, any_float);
            const GuardedMatrix delta = GuardedMatrix(5, units, random).fill(random, any_float);
            GuardedMatrix expected = y;
            GuardedMatrix expected_delta = delta;
            {
                const UseInstructionSet use(InstructionSet::kScalar);
                drop_out(kDraw, rate, y.view(), expected.view());
                mask_dropped(rate, expected.view(), expected_delta.view());
            }
            for (const InstructionSet isa : vector_sets()) {
                for (const int threads : {1, 3}) {
                    const UseInstructionSet use(isa);
                    const UseThreads use_threads(threads);
                    GuardedMatrix actual = y;
                    GuardedMatrix actual_delta = delta;
                    drop_out(kDraw, rate, y.view(), actual.view());
                    mask_dropped(rate, actual.view(), actual_delta.view());
                    INFO(where(isa, fmt::format("{} units, rate {}", units, rate)));
                    CHECK(first_difference(actual.memory(), expected.memory()) == expected.memory().size());
                    CHECK(first_difference(actual_delta.memory(), expected_delta.memory()) ==
                          expected_delta.memory().size());
                }
            }
        }
    }
}

TEST_CASE("drop_out: a sample's mask depends on its place in the batch, not on the rows beside it") {
    const ContractFloatMode mode;
    std::vector<float> y(std::size_t{6} * 100, 1.0F);
    std::vector<float> whole(y.size());
    drop_out(kDraw, 0.5F, {y.data(), 6, 100}, {whole.data(), 6, 100});
    std::vector<float> parts(y.size());
    for (std::uint32_t r = 0; r < 6; ++r) {
        DropoutDraw draw = kDraw;
        draw.first += r;
        drop_out(draw, 0.5F, {y.data(), 1, 100}, {parts.data() + std::size_t{r} * 100, 1, 100});
    }
    CHECK(first_difference(whole, parts) == whole.size());
    // Another step, place or seed silences others.
    for (const DropoutDraw& other :
         {DropoutDraw{kDraw.seed, 78, 3, kDraw.first}, DropoutDraw{kDraw.seed, 77, 2, kDraw.first},
          DropoutDraw{kDraw.seed + 1, 77, 3, kDraw.first}}) {
        drop_out(other, 0.5F, {y.data(), 6, 100}, {parts.data(), 6, 100});
        CHECK(first_difference(whole, parts) < whole.size());
    }
}

TEST_CASE("drop_out: one choice for the whole batch is that of its first sample, wherever rows lie") {
    const ContractFloatMode mode;
    std::vector<float> y(std::size_t{6} * 100, 1.0F);
    std::vector<float> first(100);
    DropoutDraw draw = kDraw;
    draw.first = 0;
    drop_out(draw, 0.5F, {y.data(), 1, 100}, {first.data(), 1, 100});
    draw.first = 17;
    draw.whole_batch = true;
    std::vector<float> all(y.size());
    for (const int threads : {1, 3}) {
        const UseThreads use_threads(threads);
        drop_out(draw, 0.5F, {y.data(), 6, 100}, {all.data(), 6, 100});
        for (std::size_t r = 0; r < 6; ++r) {
            CHECK(first_difference(std::vector(all.begin() + static_cast<std::ptrdiff_t>(r * 100),
                                               all.begin() + static_cast<std::ptrdiff_t>(r * 100 + 100)),
                                   first) == first.size());
        }
    }
}

TEST_CASE(
    "drop_out: the share of silent neurons is the rate, the others are scaled up, zeros are not silent") {
    const ContractFloatMode mode;
    constexpr std::size_t kValues = std::size_t{400} * 500;
    for (const float rate : {0.1F, 0.5F, 0.8F}) {
        std::vector<float> y(kValues, 2.0F);
        std::vector<float> dropped(kValues);
        drop_out(kDraw, rate, {y.data(), 400, 500}, {dropped.data(), 400, 500});
        const auto count = static_cast<double>(std::ranges::count_if(dropped, silent));
        // Five standard deviations of a binomial's share: 5 √(1/4 / 200000) = 0.0056.
        CHECK(std::fabs(count / kValues - double{rate}) < 0.0056);
        for (const float value : dropped) {
            if (!silent(value)) REQUIRE(value == 2.0F * (1.0F / (1.0F - rate)));
        }
        std::ranges::fill(y, -0.0F);
        drop_out(kDraw, rate, {y.data(), 400, 500}, {dropped.data(), 400, 500});
        CHECK(static_cast<double>(std::ranges::count_if(dropped, silent)) == count);
    }
}

TEST_CASE("limit_column_norms: any shape, start and float give the scalar bits") {
    const ContractFloatMode mode;
    Random random(changing_seed());
    for (const std::size_t cols : {1, 15, 16, 17, 63, 64, 65, 200}) {
        for (const std::size_t rows : {1, 3, 50}) {
            for (const auto draw : {ordinary, mostly_ordinary}) {
                const GuardedMatrix before = GuardedMatrix(rows, cols, random).fill(random, draw);
                GuardedMatrix expected = before;
                {
                    const UseInstructionSet use(InstructionSet::kScalar);
                    limit_column_norms(expected.view(), 100.0F);
                }
                for (const InstructionSet isa : vector_sets()) {
                    const UseInstructionSet use(isa);
                    const UseThreads threads(2);
                    GuardedMatrix actual = before;
                    limit_column_norms(actual.view(), 100.0F);
                    INFO(where(isa, fmt::format("{} x {}", rows, cols)));
                    CHECK(first_difference(actual.memory(), expected.memory()) == expected.memory().size());
                }
            }
        }
    }
}

TEST_CASE("limit_column_norms: long columns come down to the limit, short ones stay") {
    const ContractFloatMode mode;
    std::vector<float> w{3.0F, 0.3F, kInfinity,  //
                         4.0F, 0.4F, 1.0F};
    limit_column_norms({w.data(), 2, 3}, 2.0F);
    CHECK(w[0] == 3.0F * 0.4F);
    CHECK(w[3] == 4.0F * 0.4F);
    CHECK(w[1] == 0.3F);
    CHECK(w[4] == 0.4F);
    CHECK(w[2] == kInfinity);
    CHECK(w[5] == 1.0F);
}

}  // namespace lockstep::test
