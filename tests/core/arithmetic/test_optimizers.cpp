// One step of each optimizer: every instruction set against scalar, and scalar against the formula, over
// three steps.
#include "core/arithmetic/elementwise.h"
#include "core/arithmetic/optimizer/take_step.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

constexpr SgdStep kSgd{1.0F / 96.0F, 0.1F, 0.9F};
constexpr AdamStep kAdam{1.0F / 96.0F, 1e-3F, 0.9F, 0.999F, 1e-8F, 10.0F, 1000.0F};

constexpr std::size_t kSizes[] = {0, 1, 7, 8, 9, 15, 16, 17, 33, 100, 1000};

/// Gradient, state and weights of one parameter slice, as rows of one guarded matrix.
GuardedMatrix any_state(std::size_t size, Random& random, float (*draw)(Random&)) {
    return GuardedMatrix(4, size, random).fill(random, draw);
}

template <class Step>
void check_all_sets(Step step) {
    const ContractFloatMode mode;
    Random random(1);
    for (const std::size_t size : kSizes) {
        for (const bool special : {false, true}) {
            const GuardedMatrix before = any_state(size, random, special ? any_float : ordinary);
            GuardedMatrix expected = before;
            {
                const UseInstructionSet use(InstructionSet::kScalar);
                for (int i = 0; i < 3; ++i) step(expected.view());
            }
            for (const InstructionSet isa : vector_sets()) {
                const UseInstructionSet use(isa);
                GuardedMatrix actual = before;
                for (int i = 0; i < 3; ++i) step(actual.view());
                INFO(where(isa, fmt::format("{} values", size)));
                CHECK(first_difference(actual.memory(), expected.memory()) == expected.memory().size());
            }
        }
    }
}

}  // namespace

TEST_CASE("SgdStep: any size, start and float give the scalar bits") {
    check_all_sets([](Matrix m) { take_step(kSgd, m.row(0), m.row(2), {m.row(1)}); });
}

TEST_CASE("AdamStep: any size, start and float give the scalar bits") {
    check_all_sets([](Matrix m) { take_step(kAdam, m.row(0), m.row(2), {m.row(1), m.row(3)}); });
}

TEST_CASE("every other step: any size, start and float give the scalar bits") {
    check_all_sets([](Matrix m) {
        take_step(SgdStep{1.0F / 96.0F, 0.1F, 0.9F, 0.01F, true}, m.row(0), m.row(2), {m.row(1)});
    });
    for (const bool inside : {false, true}) {
        check_all_sets([=](Matrix m) {
            take_step(AdaptiveStep{1.0F / 96.0F, 0.1F, 0.9F, 0.1F, 1e-3F, inside, 0.5F, 0.01F}, m.row(0),
                      m.row(2), {m.row(1), m.row(3)});
        });
        check_all_sets([=](Matrix m) {
            take_step(AdaptiveStep{1.0F / 96.0F, 0.1F, 1.0F, 1.0F, 1e-3F, inside}, m.row(0), m.row(2),
                      {m.row(1)});
        });
        check_all_sets([=](Matrix m) {
            take_step(
                AdamStep{1.0F / 96.0F, 1e-3F, 0.9F, 0.999F, 1e-8F, 10.0F, 1000.0F, 0.99F, inside, 0.01F},
                m.row(0), m.row(2), {m.row(1), m.row(3)});
        });
        check_all_sets([=](Matrix m) {
            // The state's row 2 is both the weights and, afterwards, what the direction replaced.
            take_step(LambDirection{1.0F / 96.0F, 0.9F, 0.999F, 1e-8F, 10.0F, 1000.0F, 0.01F, inside},
                      m.row(0), m.row(2), {m.row(1), m.row(3), m.row(2)});
        });
    }
    check_all_sets([](Matrix m) {
        take_step(AdadeltaStep{1.0F / 96.0F, 1.0F, 0.9F, 1e-6F, 0.01F}, m.row(0), m.row(2),
                  {m.row(1), m.row(3)});
    });
    check_all_sets([](Matrix m) { add_scaled(m.row(1), -0.3F, m.row(0)); });
    check_all_sets([](Matrix m) { scale_values(m.row(2), 0.7F); });
}

TEST_CASE("square_sum: any set, size and number of threads give the same bits, near the true sum") {
    const ContractFloatMode mode;
    Random random(4);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{33},
                                   kSquareBlock, kSquareBlock + 1, std::size_t{100003}}) {
        CAPTURE(size);
        std::vector<float> values(size);
        for (float& value : values) value = ordinary(random);
        std::vector<double> blocks(square_blocks(size));
        long double exact = 0.0L;
        for (const float value : values) exact += static_cast<long double>(value) * value;
        double expected = 0.0;
        {
            const UseInstructionSet use(InstructionSet::kScalar);
            expected = square_sum(values, blocks);
        }
        CHECK(expected == doctest::Approx(static_cast<double>(exact)).epsilon(1e-12));
        for (const InstructionSet isa : vector_sets()) {
            for (const int threads : {1, 3}) {
                const UseInstructionSet use(isa);
                const UseThreads share(threads);
                INFO(where(isa, fmt::format("{} threads", threads)));
                CHECK(square_sum(values, blocks) == expected);
            }
        }
    }
}

TEST_CASE("SgdStep, scalar: the documented operations, in their order, over three steps") {
    const ContractFloatMode mode;
    const UseInstructionSet use(InstructionSet::kScalar);
    Random random(2);
    GuardedMatrix state = any_state(50, random, ordinary);
    const Matrix m = state.view();
    for (int step = 0; step < 3; ++step) {
        std::vector<float> delta(50);
        std::vector<float> w(50);
        for (std::size_t i = 0; i < 50; ++i) {
            const float g = m(0, i) * kSgd.mean_factor;
            delta[i] = std::fma(kSgd.momentum, m(1, i), -(kSgd.learning_rate * g));
            w[i] = m(2, i) + delta[i];
        }
        take_step(kSgd, m.row(0), m.row(2), {m.row(1)});
        CHECK(first_difference(m.row(1), delta) == 50);
        CHECK(first_difference(m.row(2), w) == 50);
    }
}

TEST_CASE("AdamStep, scalar: the documented operations, in their order, over three steps") {
    const ContractFloatMode mode;
    const UseInstructionSet use(InstructionSet::kScalar);
    Random random(3);
    GuardedMatrix state = any_state(50, random, ordinary);
    const Matrix matrix = state.view();
    for (float& value : matrix.row(3)) value = std::fabs(value);
    for (int step = 0; step < 3; ++step) {
        std::vector<float> m(50);
        std::vector<float> v(50);
        std::vector<float> w(50);
        for (std::size_t i = 0; i < 50; ++i) {
            const float g = matrix(0, i) * kAdam.mean_factor;
            m[i] = std::fma(kAdam.beta1, matrix(1, i), (1.0F - kAdam.beta1) * g);
            v[i] = std::fma(kAdam.beta2, matrix(3, i), (1.0F - kAdam.beta2) * (g * g));
            w[i] = matrix(2, i) - kAdam.learning_rate * (m[i] * kAdam.correction1) /
                                      (std::sqrt(v[i] * kAdam.correction2) + kAdam.epsilon);
        }
        take_step(kAdam, matrix.row(0), matrix.row(2), {matrix.row(1), matrix.row(3)});
        CHECK(first_difference(matrix.row(1), m) == 50);
        CHECK(first_difference(matrix.row(3), v) == 50);
        CHECK(first_difference(matrix.row(2), w) == 50);
    }
}

TEST_CASE("steps: arrays that differ in size, and missing ones, are refused") {
    std::vector<float> two(2);
    std::vector<float> three(3);
    CHECK_THROWS_AS(take_step(kSgd, three, two, {two}), std::invalid_argument);
    CHECK_THROWS_AS(take_step(kSgd, two, two, {three}), std::invalid_argument);
    CHECK_THROWS_AS(take_step(kAdam, two, two, {two}), std::invalid_argument);
    CHECK_THROWS_AS(take_step(kAdam, two, two, {two, two, three}), std::invalid_argument);
}

}  // namespace lockstep::test
