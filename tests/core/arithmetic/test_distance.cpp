// Distances and their gradients: every instruction set against scalar, scalar against plain loops.
#include "core/arithmetic/distance.h"

#include <algorithm>

#include "core/arithmetic/elementwise.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

struct Shape {
    std::size_t samples, inputs, outputs, leaf;
};

struct Operands {
    Operands(Shape s, Random& random, float (*draw)(Random&))
        : shape(s),
          x(GuardedMatrix(s.samples, s.inputs, random).fill(random, draw)),
          w(GuardedMatrix(s.inputs, s.outputs, random).fill(random, draw)),
          delta(GuardedMatrix(s.samples, s.outputs, random).fill(random, draw)),
          y(s.samples, s.outputs, random),
          dw(s.inputs, s.outputs, random),
          below(s.samples, s.inputs, random) {}

    /// Results of all three operations, with the memory around them.
    std::vector<float> run() {
        const ContractFloatMode mode;
        distance_forward(x.view(), w.view(), y.view());
        distance_weight_gradient(x.view(), w.view(), delta.view(), shape.leaf, dw.view());
        distance_input_delta(x.view(), w.view(), delta.view(), below.view());
        std::vector<float> all;
        for (const GuardedMatrix* m : {&y, &dw, &below})
            all.insert(all.end(), m->memory().begin(), m->memory().end());
        return all;
    }

    Shape shape;
    GuardedMatrix x, w, delta, y, dw, below;
};

void check_all_sets(Shape s, Random& random, float (*draw)(Random&)) {
    const Operands operands(s, random, draw);
    std::vector<float> expected;
    {
        const UseInstructionSet use(InstructionSet::kScalar);
        expected = Operands(operands).run();
    }
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        INFO(where(isa, fmt::format("{} samples, {} inputs, {} outputs, leaves of {}", s.samples, s.inputs,
                                    s.outputs, s.leaf)));
        CHECK(first_difference(Operands(operands).run(), expected) == expected.size());
    }
}

constexpr std::size_t kSizes[] = {0, 1, 2, 5, 6, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 40};

Shape any_shape(Random& random) {
    const auto any = [&] { return kSizes[uniform(random, 0, std::size(kSizes) - 1)]; };
    return {any(), any(), any(), uniform(random, 1, 12)};
}

}  // namespace

TEST_CASE("distances: random shapes, strides and starts give the scalar bits") {
    Random random(1);
    for (int i = 0; i < 300; ++i) check_all_sets(any_shape(random), random, ordinary);
    Random changing(changing_seed());
    for (int i = 0; i < 100; ++i) check_all_sets(any_shape(changing), changing, mostly_ordinary);
}

TEST_CASE("distances: infinities, NaN, denormals and signed zeros give the scalar bits") {
    Random random(2);
    for (int i = 0; i < 100; ++i) check_all_sets(any_shape(random), random, any_float);
}

TEST_CASE("distances: any number of threads gives the same bits") {
    Random random(3);
    for (const Shape s : {Shape{300, 70, 90, 32}, Shape{2000, 2, 150, 16}, Shape{3, 900, 400, 1}}) {
        const Operands operands(s, random, ordinary);
        const std::vector<float> alone = Operands(operands).run();
        for (const int threads : {2, 3, 5}) {
            const UseThreads use(threads);
            CHECK(first_difference(Operands(operands).run(), alone) == alone.size());
        }
    }
}

TEST_CASE("distances, scalar: squared differences, one ascending chain, and its root") {
    const ContractFloatMode mode;
    const UseInstructionSet use(InstructionSet::kScalar);
    Random random(4);
    Operands o({5, 30, 4, 2}, random, ordinary);
    o.run();
    std::size_t descending_differs = 0;
    for (std::size_t r = 0; r < 5; ++r) {
        for (std::size_t c = 0; c < 4; ++c) {
            float up = 0.0F;
            float down = 0.0F;
            for (std::size_t k = 0; k < 30; ++k) {
                const float d = o.x.view()(r, k) - o.w.view()(k, c);
                const float e = o.x.view()(r, 29 - k) - o.w.view()(29 - k, c);
                up = std::fma(d, d, up);
                down = std::fma(e, e, down);
            }
            CHECK(same(o.y.view()(r, c), std::sqrt(up)));
            if (!same(up, down)) ++descending_differs;
        }
    }
    CHECK(descending_differs > 0);
}

TEST_CASE("distances, scalar: a leaf's gradient is one chain, and leaves are added by the tree") {
    const ContractFloatMode mode;
    const UseInstructionSet use(InstructionSet::kScalar);
    Random random(5);
    Operands o({6, 3, 4, 2}, random, ordinary);  // three leaves: (0, 1), 2
    o.run();
    std::size_t other_tree_differs = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t c = 0; c < 4; ++c) {
            const auto leaf = [&](std::size_t first) {
                float sum = 0.0F;
                for (std::size_t s = first; s < first + 2; ++s)
                    sum = std::fma(o.delta.view()(s, c), o.w.view()(i, c) - o.x.view()(s, i), sum);
                return sum;
            };
            CHECK(same(o.dw.view()(i, c), (leaf(0) + leaf(2)) + leaf(4)));
            if (!same(o.dw.view()(i, c), leaf(0) + (leaf(2) + leaf(4)))) ++other_tree_differs;
        }
    }
    CHECK(other_tree_differs > 0);
    for (std::size_t s = 0; s < 6; ++s) {
        for (std::size_t i = 0; i < 3; ++i) {
            float sum = 0.0F;
            for (std::size_t c = 0; c < 4; ++c)
                sum = std::fma(o.delta.view()(s, c), o.x.view()(s, i) - o.w.view()(i, c), sum);
            CHECK(same(o.below.view()(s, i), sum));
        }
    }
}

TEST_CASE("distances: a small one between large vectors keeps its digits") {
    const ContractFloatMode mode;
    const float x[] = {1000.0F, -3000.0F};
    const float w[] = {1000.25F, -3000.0F};
    for (const InstructionSet isa : available_instruction_sets()) {
        const UseInstructionSet use(isa);
        float y = 0.0F;
        distance_forward({x, 1, 2}, {w, 2, 1}, {&y, 1, 1});
        CHECK(y == 0.25F);  // from the squares of norms, 10^7 with steps of 1, it would be 0
    }
}

TEST_CASE("gaussian: one at its centre with derivative -1/b^2 by half the square, and 0 far away") {
    const ContractFloatMode mode;
    const Activation f{ActivationKind::kGaussian, 1.0F, 0.5F};
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        std::vector<float> y{0.0F, 0.5F, 1e30F, kInfinity, kNan};
        activate(f, {y.data(), 1, y.size()});
        CHECK(y[0] == 1.0F);
        CHECK(y[1] == doctest::Approx(std::exp(-0.5)).epsilon(2e-7));
        CHECK(y[2] == 0.0F);
        CHECK(y[3] == 0.0F);
        CHECK(std::isnan(y[4]));
        std::vector<float> delta{3.0F, 3.0F};
        multiply_by_derivative(f, {y.data(), 1, 2}, {delta.data(), 1, 2});
        CHECK(delta[0] == -12.0F);
        CHECK(delta[1] == doctest::Approx(-12.0 * std::exp(-0.5)).epsilon(4e-7));
        // The distance itself has no slope at 0: it counts as 0 there.
        const std::vector<float> distance{0.0F, 4.0F};
        delta = {3.0F, 3.0F};
        multiply_by_derivative({ActivationKind::kDistance}, {distance.data(), 1, 2}, {delta.data(), 1, 2});
        CHECK(delta == std::vector<float>{0.0F, 0.75F});
    }
}

TEST_CASE("distances: shapes that do not fit are refused") {
    float values[64] = {};
    const ConstMatrix x{values, 2, 3};
    const ConstMatrix w{values, 3, 4};
    const ConstMatrix delta{values, 2, 4};
    CHECK_THROWS_AS(distance_forward(x, {values, 4, 4}, {values + 32, 2, 4}), std::invalid_argument);
    CHECK_THROWS_AS(distance_weight_gradient(x, w, delta, 0, {values + 32, 3, 4}), std::invalid_argument);
    CHECK_THROWS_AS(distance_weight_gradient(x, w, delta, 1, {values + 32, 4, 4}), std::invalid_argument);
    CHECK_THROWS_AS(distance_input_delta(x, w, {values, 2, 3}, {values + 32, 2, 3}), std::invalid_argument);
}

}  // namespace lockstep::test
