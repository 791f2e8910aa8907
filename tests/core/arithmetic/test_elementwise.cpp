// Element-wise and row-wise kernels: every instruction set against scalar, and their special values.
#include "core/arithmetic/elementwise.h"

#include <algorithm>
#include <utility>

#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

using ValuesFunction = void (*)(std::span<const float>, std::span<float>);

struct NamedFunction {
    const char* name;
    ValuesFunction run;
};
constexpr NamedFunction kFunctions[] = {
    {"exp", exp_values}, {"log", log_values}, {"tanh", tanh_values}, {"sigmoid", sigmoid_values}};

constexpr Activation kActivations[] = {
    {ActivationKind::kIdentity, 1.0F, 1.0F}, {ActivationKind::kRelu, 1.0F, 1.0F},
    {ActivationKind::kSigmoid, 1.0F, 1.5F},  {ActivationKind::kTanh, 1.7159F, 0.6667F},
    {ActivationKind::kStep, 1.0F, 1.0F},     {ActivationKind::kSaturated, 1.0F, 1.0F},
    {ActivationKind::kGaussian, 1.0F, 1.7F}, {ActivationKind::kDistance, 1.0F, 1.0F}};

constexpr std::size_t kSizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000};

/// run(memory, isa) on scalar and on every other set, from equal memory; all memory must end equal.
template <class Run>
void check_all_sets(const GuardedMatrix& before, const std::string& what, Run run) {
    const ContractFloatMode mode;
    GuardedMatrix expected = before;
    {
        const UseInstructionSet use(InstructionSet::kScalar);
        run(expected.view());
    }
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        GuardedMatrix actual = before;
        run(actual.view());
        INFO(where(isa, what));
        CHECK(first_difference(actual.memory(), expected.memory()) == expected.memory().size());
    }
}

float one(ValuesFunction f, float x) {
    float y = 0.0F;
    f({&x, 1}, {&y, 1});
    return y;
}

}  // namespace

TEST_CASE("exp, log, tanh, sigmoid: any size, any start, any float give the scalar bits") {
    Random random(1);
    for (const NamedFunction& f : kFunctions) {
        for (const std::size_t size : kSizes) {
            for (std::size_t offset = 0; offset < 3; ++offset) {
                const auto x = GuardedMatrix(1, size, size, offset).fill(random, any_float);
                check_all_sets(x, fmt::format("{} of {} values", f.name, size),
                               [&](Matrix m) { f.run(x.view().row(0), m.row(0)); });
                check_all_sets(x, fmt::format("{} of {} values in place", f.name, size),
                               [&](Matrix m) { f.run(m.row(0), m.row(0)); });
            }
        }
    }
}

TEST_CASE("exp, log, tanh, sigmoid: a stride over all floats gives the scalar bits") {
    const ContractFloatMode mode;
    // Prime, so that every exponent and every pattern of low bits occurs; the start changes from run to run.
    constexpr std::uint64_t kStride = 1009;
    constexpr std::size_t kBlock = std::size_t{1} << 16;
    std::vector<float> x(kBlock);
    std::vector<float> expected(kBlock);
    std::vector<float> actual(kBlock);
    for (const NamedFunction& f : kFunctions) {
        std::size_t different = 0;
        for (std::uint64_t bits = changing_seed() % kStride; bits < (std::uint64_t{1} << 32);) {
            for (float& value : x) {
                value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
                bits += kStride;
            }
            {
                const UseInstructionSet use(InstructionSet::kScalar);
                f.run(x, expected);
            }
            for (const InstructionSet isa : vector_sets()) {
                const UseInstructionSet use(isa);
                f.run(x, actual);
                if (first_difference(actual, expected) != kBlock) ++different;
            }
        }
        INFO(f.name);
        CHECK(different == 0);
    }
}

TEST_CASE("exp, log, tanh, sigmoid: special values, on every instruction set") {
    const ContractFloatMode mode;
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        CHECK(same(one(exp_values, 0.0F), 1.0F));
        CHECK(same(one(exp_values, -0.0F), 1.0F));
        CHECK(same(one(exp_values, kDenormal), 1.0F));
        CHECK(same(one(exp_values, kInfinity), kInfinity));
        CHECK(same(one(exp_values, 88.8F), kInfinity));
        CHECK(same(one(exp_values, kLargest), kInfinity));
        CHECK(same(one(exp_values, -kInfinity), 0.0F));
        CHECK(same(one(exp_values, -kLargest), 0.0F));
        CHECK(same(one(exp_values, -88.0F), 0.0F));  // the true value is a denormal, which is flushed
        CHECK(std::isfinite(one(exp_values, 88.7F)));
        CHECK(one(exp_values, -87.3F) > 0.0F);
        CHECK(std::isnan(one(exp_values, kNan)));

        CHECK(same(one(log_values, 1.0F), 0.0F));
        CHECK(same(one(log_values, 0.0F), -kInfinity));
        CHECK(same(one(log_values, -0.0F), -kInfinity));
        CHECK(same(one(log_values, kDenormal), -kInfinity));
        CHECK(same(one(log_values, -kDenormal), -kInfinity));
        CHECK(same(one(log_values, kInfinity), kInfinity));
        CHECK(std::isfinite(one(log_values, kSmallest)));
        CHECK(std::isfinite(one(log_values, kLargest)));
        CHECK(std::isnan(one(log_values, -1.0F)));
        CHECK(std::isnan(one(log_values, -kInfinity)));
        CHECK(std::isnan(one(log_values, kNan)));

        CHECK(same(one(tanh_values, 0.0F), 0.0F));
        CHECK(same(one(tanh_values, -0.0F), -0.0F));
        CHECK(same(one(tanh_values, kSmallest), kSmallest));
        CHECK(same(one(tanh_values, -1e-20F), -1e-20F));
        CHECK(same(one(tanh_values, 10.0F), 1.0F));
        CHECK(same(one(tanh_values, kInfinity), 1.0F));
        CHECK(same(one(tanh_values, -kInfinity), -1.0F));
        CHECK(std::isnan(one(tanh_values, kNan)));

        CHECK(same(one(sigmoid_values, 0.0F), 0.5F));
        CHECK(same(one(sigmoid_values, kInfinity), 1.0F));
        CHECK(same(one(sigmoid_values, -kInfinity), 0.0F));
        CHECK(same(one(sigmoid_values, -kLargest), 0.0F));
        CHECK(std::isnan(one(sigmoid_values, kNan)));
    }
}

TEST_CASE("activate and multiply_by_derivative: any shape, stride and float give the scalar bits") {
    Random random(2);
    for (const Activation f : kActivations) {
        for (const std::size_t cols : kSizes) {
            for (const std::size_t rows : {0, 1, 3}) {
                const auto values = GuardedMatrix(rows, cols, random).fill(random, any_float);
                const auto y = GuardedMatrix(rows, cols, random).fill(random, any_float);
                const std::string what =
                    fmt::format("activation {}, ({}, {})", static_cast<int>(f.kind), rows, cols);
                check_all_sets(values, what, [&](Matrix m) { activate(f, m); });
                check_all_sets(values, what + " derivative",
                               [&](Matrix m) { multiply_by_derivative(f, y.view(), m); });
            }
        }
    }
}

TEST_CASE("activate: relu keeps NaN, infinity and minus zero, on every instruction set") {
    const ContractFloatMode mode;
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        std::vector<float> values = {kNan, -0.0F, 0.0F, -1.0F, 2.0F, kInfinity, -kInfinity};
        const std::vector<float> expected = {kNan, -0.0F, 0.0F, 0.0F, 2.0F, kInfinity, 0.0F};
        activate({ActivationKind::kRelu}, {values.data(), 1, values.size()});
        CHECK(first_difference(values, expected) == expected.size());
    }
}

TEST_CASE("activate: step and saturated at their corners keep NaN, on every instruction set") {
    const ContractFloatMode mode;
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        const std::vector<float> xi = {kNan, -0.0F, 0.0F, -1.0F, 0.25F, 1.0F, 2.0F, kInfinity, -kInfinity};
        std::vector<float> y = xi;
        activate({ActivationKind::kStep}, {y.data(), 1, y.size()});
        const std::vector<float> steps = {kNan, 1.0F, 1.0F, 0.0F, 1.0F, 1.0F, 1.0F, 1.0F, 0.0F};
        CHECK(first_difference(y, steps) == steps.size());
        y = xi;
        activate({ActivationKind::kSaturated}, {y.data(), 1, y.size()});
        const std::vector<float> saturated = {kNan, -0.0F, 0.0F, 0.0F, 0.25F, 1.0F, 1.0F, 1.0F, 0.0F};
        CHECK(first_difference(y, saturated) == saturated.size());
        std::vector<float> delta(y.size(), 3.0F);
        multiply_by_derivative({ActivationKind::kSaturated}, {y.data(), 1, y.size()},
                               {delta.data(), 1, delta.size()});
        const std::vector<float> passed = {0.0F, 0.0F, 0.0F, 0.0F, 3.0F, 0.0F, 0.0F, 0.0F, 0.0F};
        CHECK(first_difference(delta, passed) == passed.size());
    }
}

TEST_CASE("softmax_rows: any shape and stride give the scalar bits, log sums included") {
    Random random(3);
    for (const std::size_t classes : kSizes) {
        for (const std::size_t rows : {0, 1, 5}) {
            for (const bool special : {false, true}) {
                const auto draw = special ? any_float : ordinary;
                const auto potential = GuardedMatrix(rows, classes, random).fill(random, draw);
                const GuardedMatrix probability(rows, classes, random);
                const GuardedMatrix log_sum(1, rows, random);
                const std::string what = fmt::format("softmax of ({}, {})", rows, classes);
                check_all_sets(probability, what, [&](Matrix m) {
                    std::vector<float> sums(rows);
                    softmax_rows(potential.view(), m, sums);
                });
                check_all_sets(log_sum, what + " log sums", [&](Matrix m) {
                    GuardedMatrix result = probability;
                    softmax_rows(potential.view(), result.view(), m.row(0));
                });
                check_all_sets(potential, what + " in place", [&](Matrix m) {
                    std::vector<float> sums(rows);
                    softmax_rows(m, m, sums);
                });
            }
        }
    }
}

TEST_CASE("softmax_rows: probabilities, sixteen chains and their tree, on every instruction set") {
    const ContractFloatMode mode;
    Random random(4);
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        for (const std::size_t classes : {1, 10, 16, 17, 100}) {
            std::vector<float> potential(classes);
            for (float& value : potential) value = std::uniform_real_distribution<float>(-5.0F, 5.0F)(random);
            std::vector<float> probability(classes);
            float log_sum = 0.0F;
            softmax_rows({potential.data(), 1, classes}, {probability.data(), 1, classes}, {&log_sum, 1});

            const float maximum = *std::max_element(potential.begin(), potential.end());
            std::vector<float> e(classes);
            for (std::size_t c = 0; c < classes; ++c) e[c] = one(exp_values, potential[c] - maximum);
            const auto chain = [&](std::size_t l) {
                float sum = 0.0F;
                for (std::size_t c = l; c < classes; c += 16) sum += e[c];
                return sum;
            };
            const auto four = [&](std::size_t l) {
                return (chain(l) + chain(l + 8)) + (chain(l + 4) + chain(l + 12));
            };
            const float sum = (four(0) + four(2)) + (four(1) + four(3));
            CHECK(same(log_sum, maximum + one(log_values, sum)));
            for (std::size_t c = 0; c < classes; ++c) CHECK(same(probability[c], e[c] / sum));
        }
        // Potentials whose exponentials overflow are taken about the maximum; one NaN spoils its whole row.
        std::vector<float> large = {1000.0F, 1000.0F, -1000.0F, 1.0F, kNan, 2.0F};
        std::vector<float> log_sums(2);
        softmax_rows({large.data(), 2, 3}, {large.data(), 2, 3}, log_sums);
        CHECK(large[0] == 0.5F);
        CHECK(large[1] == 0.5F);
        CHECK(large[2] == 0.0F);
        CHECK(log_sums[0] == doctest::Approx(1000.0 + std::log(2.0)));
        for (std::size_t c = 3; c < 6; ++c) CHECK(std::isnan(large[c]));
        CHECK(std::isnan(log_sums[1]));
    }
}

TEST_CASE("add_values: any size, start and float give the scalar bits") {
    Random random(5);
    for (const std::size_t size : kSizes) {
        for (std::size_t offset = 0; offset < 3; ++offset) {
            const auto into = GuardedMatrix(1, size, size, offset).fill(random, any_float);
            const auto from = GuardedMatrix(1, size, size, 1).fill(random, any_float);
            check_all_sets(into, "add", [&](Matrix m) { add_values(m.row(0), from.view().row(0)); });
        }
    }
    std::vector<float> into = {1.0F, 2.0F};
    add_values(into, std::vector<float>{10.0F, 20.0F});
    CHECK(into == std::vector<float>{11.0F, 22.0F});
}

TEST_CASE("all_finite: one NaN or infinity anywhere is found, on every instruction set") {
    const ContractFloatMode mode;
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        CHECK(all_finite({}));
        for (const std::size_t size : kSizes) {
            std::vector<float> values(size);
            for (std::size_t i = 0; i < size; ++i) values[i] = i % 2 == 0 ? kLargest : -kDenormal;
            CHECK(all_finite(values));
            for (std::size_t i = 0; i < size; i += 1 + size / 50) {
                for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
                    const float good = std::exchange(values[i], bad);
                    CHECK_FALSE(all_finite(values));
                    values[i] = good;
                }
            }
        }
    }
}

TEST_CASE("element-wise operations: sizes that differ are refused") {
    std::vector<float> two(2);
    std::vector<float> three(3);
    CHECK_THROWS_AS(exp_values(two, three), std::invalid_argument);
    CHECK_THROWS_AS(add_values(two, three), std::invalid_argument);
    CHECK_THROWS_AS(softmax_rows({two.data(), 1, 2}, {three.data(), 1, 3}, std::span<float>(two).first(1)),
                    std::invalid_argument);
    CHECK_THROWS_AS(softmax_rows({two.data(), 1, 2}, {three.data(), 1, 2}, two), std::invalid_argument);
}

}  // namespace lockstep::test
