// The forward product and the input delta: every instruction set against scalar, and scalar against plain
// loops.
#include "core/arithmetic/gemm.h"

#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

constexpr Activation kActivations[] = {
    {ActivationKind::kIdentity, 1.0F, 1.0F}, {ActivationKind::kRelu, 1.0F, 1.0F},
    {ActivationKind::kSigmoid, 1.0F, 1.5F},  {ActivationKind::kTanh, 1.7159F, 0.6667F},
    {ActivationKind::kStep, 1.0F, 1.0F},     {ActivationKind::kSaturated, 1.0F, 1.0F},
    {ActivationKind::kGaussian, 1.0F, 1.7F}, {ActivationKind::kDistance, 1.0F, 1.0F}};

/// Samples, inputs and outputs of one layer.
struct Shape {
    std::size_t samples, inputs, outputs;
};

std::string text(Shape s, Activation f) {
    return fmt::format("{} samples, {} inputs, {} outputs, activation {}", s.samples, s.inputs, s.outputs,
                       static_cast<int>(f.kind));
}

using Draw = float (*)(Random&);

/// Runs both products on scalar and on every other set; true where all memory is equal.
void check_forward(Shape s, Activation f, Random& random, Draw draw) {
    const ContractFloatMode mode;
    const auto x = GuardedMatrix(s.samples, s.inputs, random).fill(random, draw);
    const auto w = GuardedMatrix(s.inputs, s.outputs, random).fill(random, draw);
    const auto bias = GuardedMatrix(1, s.outputs, random).fill(random, draw);
    const std::span<const float> bias_values =
        uniform(random, 0, 3) == 0 ? std::span<const float>{} : bias.view().row(0);
    const GuardedMatrix blank(s.samples, s.outputs, random);
    GuardedMatrix expected = blank;
    {
        const UseInstructionSet use(InstructionSet::kScalar);
        dense_forward(x.view(), w.view(), bias_values, f, expected.view());
    }
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        GuardedMatrix y = blank;
        dense_forward(x.view(), w.view(), bias_values, f, y.view());
        INFO(where(isa, text(s, f)));
        CHECK(first_difference(y.memory(), expected.memory()) == expected.memory().size());
    }
}

void check_input_delta(Shape s, Activation f, Random& random, Draw draw) {
    const ContractFloatMode mode;
    const auto delta = GuardedMatrix(s.samples, s.outputs, random).fill(random, draw);
    const auto w = GuardedMatrix(s.inputs, s.outputs, random).fill(random, draw);
    const auto x = GuardedMatrix(s.samples, s.inputs, random).fill(random, draw);
    const GuardedMatrix blank(s.samples, s.inputs, random);
    GuardedMatrix expected = blank;
    {
        const UseInstructionSet use(InstructionSet::kScalar);
        dense_input_delta(delta.view(), w.view(), f, x.view(), expected.view());
    }
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        GuardedMatrix below = blank;
        dense_input_delta(delta.view(), w.view(), f, x.view(), below.view());
        INFO(where(isa, text(s, f)));
        CHECK(first_difference(below.memory(), expected.memory()) == expected.memory().size());
    }
}

Activation any_activation(Random& random) {
    return kActivations[uniform(random, 0, std::size(kActivations) - 1)];
}

/// A size: often around the width of a register or a tile, sometimes 0, now and then long.
std::size_t any_size(Random& random, std::size_t longest) {
    static constexpr std::size_t kEdges[] = {0,  1,  2,  6,  7,  8,  9,  12, 13, 14, 15,
                                             16, 17, 28, 31, 32, 33, 48, 63, 64, 65};
    if (uniform(random, 0, 2) > 0) return kEdges[uniform(random, 0, std::size(kEdges) - 1)];
    return uniform(random, 1, longest);
}

void check_random_shapes(std::uint64_t seed, int count) {
    Random random(seed);
    for (int i = 0; i < count; ++i) {
        const Draw draw = i % 3 == 0 ? mostly_ordinary : ordinary;
        const Shape s{any_size(random, 100), any_size(random, 200), any_size(random, 100)};
        check_forward(s, any_activation(random), random, draw);
        check_input_delta(s, any_activation(random), random, draw);
    }
}

}  // namespace

TEST_CASE("dense products: every tile height and width gives the scalar bits") {
    Random random(1);
    for (std::size_t samples = 1; samples <= 30; ++samples) {
        for (const std::size_t outputs : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40}) {
            check_forward({samples, 5, outputs}, {}, random, ordinary);
            check_input_delta({samples, outputs, 5}, {}, random, ordinary);
        }
    }
}

TEST_CASE("dense products: hundreds of random shapes, strides and starts give the scalar bits") {
    check_random_shapes(2, 300);
}

TEST_CASE("dense products: random shapes of a seed that changes give the scalar bits") {
    check_random_shapes(changing_seed(), 100);
}

TEST_CASE(
    "dense products: chains longer than a cache block, and blocks of rows and columns, give the scalar "
    "bits") {
    Random random(3);
    for (const Shape s :
         {Shape{3, 2500, 5}, Shape{5, 7, 2500}, Shape{700, 300, 9}, Shape{9, 1300, 33}, Shape{33, 5, 1300},
          Shape{40, 1153, 1}, Shape{2, 1100, 1100}, Shape{5, 1024, 1100}, Shape{200, 1024, 40},
          Shape{300, 512, 48}, Shape{2300, 3, 40}, Shape{2300, 40, 3}}) {
        check_forward(s, any_activation(random), random, ordinary);
        check_input_delta(s, any_activation(random), random, ordinary);
    }
}

TEST_CASE("dense products: infinities, NaN, denormals and signed zeros give the scalar bits") {
    Random random(4);
    for (int i = 0; i < 60; ++i) {
        const Shape s{any_size(random, 20), uniform(random, 0, 4), any_size(random, 40)};
        for (const Activation f : kActivations) {
            check_forward(s, f, random, any_float);
            check_input_delta({s.samples, s.outputs, s.inputs}, f, random, any_float);
        }
    }
}

TEST_CASE("dense_forward, scalar: each element is one ascending chain of fused multiply-adds") {
    const ContractFloatMode mode;
    const UseInstructionSet use(InstructionSet::kScalar);
    Random random(5);
    const Shape s{7, 50, 9};
    const auto x = GuardedMatrix(s.samples, s.inputs, random).fill(random, ordinary);
    const auto w = GuardedMatrix(s.inputs, s.outputs, random).fill(random, ordinary);
    const auto bias = GuardedMatrix(1, s.outputs, random).fill(random, ordinary);
    GuardedMatrix y(s.samples, s.outputs, random);
    dense_forward(x.view(), w.view(), bias.view().row(0), {ActivationKind::kRelu}, y.view());
    std::size_t descending_differs = 0;
    for (std::size_t r = 0; r < s.samples; ++r) {
        for (std::size_t c = 0; c < s.outputs; ++c) {
            float up = 0.0F;
            float down = 0.0F;
            for (std::size_t k = 0; k < s.inputs; ++k) {
                up = std::fma(x.view()(r, k), w.view()(k, c), up);
                down = std::fma(x.view()(r, s.inputs - 1 - k), w.view()(s.inputs - 1 - k, c), down);
            }
            up += bias.view()(0, c);
            down += bias.view()(0, c);
            CHECK(same(y.view()(r, c), 0.0F > up ? 0.0F : up));
            if (!same(up, down)) ++descending_differs;
        }
    }
    // The planted fault: the same sums from the other end. Were it not seen, this test could not fail.
    CHECK(descending_differs > 0);
}

TEST_CASE("dense_input_delta, scalar: each element is one ascending chain, times the derivative below") {
    const ContractFloatMode mode;
    const UseInstructionSet use(InstructionSet::kScalar);
    Random random(6);
    const Shape s{6, 8, 40};
    const auto delta = GuardedMatrix(s.samples, s.outputs, random).fill(random, ordinary);
    const auto w = GuardedMatrix(s.inputs, s.outputs, random).fill(random, ordinary);
    const auto x = GuardedMatrix(s.samples, s.inputs, random).fill(random, ordinary);
    GuardedMatrix below(s.samples, s.inputs, random);
    dense_input_delta(delta.view(), w.view(), {ActivationKind::kSigmoid, 1.0F, 0.5F}, x.view(), below.view());
    for (std::size_t r = 0; r < s.samples; ++r) {
        for (std::size_t c = 0; c < s.inputs; ++c) {
            float sum = 0.0F;
            for (std::size_t k = 0; k < s.outputs; ++k)
                sum = std::fma(delta.view()(r, k), w.view()(c, k), sum);
            const float y = x.view()(r, c);
            CHECK(same(below.view()(r, c), sum * (0.5F * y * (1.0F - y))));
        }
    }
}

TEST_CASE("dense products: a ReLU keeps NaN and minus zero, and its derivative passes nothing at zero") {
    const ContractFloatMode mode;
    const float ones[] = {1.0F};
    const float potentials[] = {kNan, -0.0F, 0.0F, -1.0F, 2.0F, kInfinity, -kInfinity};
    const float one_more[] = {kNan, -0.0F, 0.0F, 0.0F, 2.0F, kInfinity, 0.0F};
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        for (std::size_t i = 0; i < std::size(potentials); ++i) {
            // x · w is ±0 with the sign of w: the chain starts from +0, so a minus zero can only come from
            // the bias.
            float y = 1.0F;
            const float zero = -0.0F;
            const float bias = potentials[i];
            dense_forward({ones, 1, 1}, {&zero, 1, 1}, {&bias, 1}, {ActivationKind::kRelu}, {&y, 1, 1});
            const float expected = i == 1 ? 0.0F : one_more[i];
            CHECK(same(y, expected));
            float below = 1.0F;
            dense_input_delta({ones, 1, 1}, {ones, 1, 1}, {ActivationKind::kRelu}, {&one_more[i], 1, 1},
                              {&below, 1, 1});
            CHECK(same(below, one_more[i] > 0.0F ? 1.0F : 0.0F));
        }
    }
}

TEST_CASE("dense products: shapes that do not fit are refused") {
    float values[64] = {};
    const ConstMatrix a{values, 2, 3};
    const ConstMatrix b{values, 3, 4};
    const Matrix c{values + 32, 2, 4};
    CHECK_THROWS_AS(dense_forward(a, {values, 4, 4}, {}, {}, c), std::invalid_argument);
    CHECK_THROWS_AS(dense_forward(a, b, std::span<const float>(values, 3), {}, c), std::invalid_argument);
    CHECK_THROWS_AS(dense_forward(a, b, {}, {}, {values + 32, 3, 4}), std::invalid_argument);
    CHECK_THROWS_AS(dense_input_delta({values, 2, 5}, b, {}, {}, {values + 32, 2, 3}), std::invalid_argument);
    CHECK_THROWS_AS(dense_input_delta({values, 2, 4}, b, {ActivationKind::kRelu}, {}, {values + 32, 2, 3}),
                    std::invalid_argument);
    CHECK_THROWS_AS(dense_weight_gradient(a, {values, 2, 4}, 0, {values + 32, 3, 4}), std::invalid_argument);
    CHECK_THROWS_AS(dense_weight_gradient(a, {values, 3, 4}, 1, {values + 32, 3, 4}), std::invalid_argument);
    CHECK_THROWS_AS(dense_bias_gradient(a, 1, std::span<float>(values + 32, 2)), std::invalid_argument);
}

}  // namespace lockstep::test
