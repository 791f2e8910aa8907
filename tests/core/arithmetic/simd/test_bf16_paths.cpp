// The products in bf16 on every instruction set, against scalar. The code for AMX runs everywhere with
// AVX-512: where the CPU has no tiles, their instructions are emulated.
#include "tests/core/arithmetic/simd/bf16_paths.h"

namespace lockstep::test {
namespace {

bool equal_bits(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
    return std::ranges::equal(a, b, [](std::uint32_t p, std::uint32_t q) {
        return same(std::bit_cast<float>(p << 16), std::bit_cast<float>(q << 16)) &&
               same(std::bit_cast<float>(p & 0xFFFF0000U), std::bit_cast<float>(q & 0xFFFF0000U));
    });
}

/// Split operands go the same ways and cost six times as much: one case in five.
bool split_too(Random& random) { return uniform(random, 0, 4) == 0; }

struct Shape {
    std::size_t rows, depth, cols;
};

void check_product_of(Bf16Form form, Shape s, bool transposed, Random& random, Draw draw) {
    const ContractFloatMode mode;
    const Bf16Kernels scalar = scalar_bf16_kernels(form);
    const auto a = GuardedMatrix(s.rows, s.depth, random).fill(random, draw);
    const auto b = GuardedMatrix(transposed ? s.cols : s.depth, transposed ? s.depth : s.cols, random)
                       .fill(random, draw);
    const GuardedMatrix blank(s.rows, s.cols, random);
    const Packed expected_b = packed(scalar, b.view(), transposed, form);
    GuardedMatrix expected = blank;
    multiply(scalar, a.view(), expected_b, expected.view());
    for (const Path& path : paths(form)) {
        INFO(path.name << ", split " << (form == Bf16Form::kSplit) << ": " << s.rows << " rows, depth "
                       << s.depth << ", " << s.cols << " columns, transposed " << transposed);
        const Packed packed_b = packed(path.kernels, b.view(), transposed, form);
        CHECK(equal_bits(packed_b.pairs, expected_b.pairs));
        GuardedMatrix c = blank;
        multiply(path.kernels, a.view(), packed_b, c.view());
        CHECK(first_difference(c.memory(), expected.memory()) == expected.memory().size());
    }
}

void check_product(Shape s, bool transposed, Random& random, Draw draw) {
    check_product_of(Bf16Form::kRounded, s, transposed, random, draw);
    if (split_too(random)) check_product_of(Bf16Form::kSplit, s, transposed, random, draw);
}

struct GradientShape {
    std::size_t samples, inputs, outputs, leaf;
};

void check_gradient_of(Bf16Form form, GradientShape s, Random& random, Draw draw) {
    const ContractFloatMode mode;
    const auto x = GuardedMatrix(s.samples, s.inputs, random).fill(random, draw);
    const auto delta = GuardedMatrix(s.samples, s.outputs, random).fill(random, draw);
    const GuardedMatrix blank(s.inputs, s.outputs, random);
    GuardedMatrix expected = blank;
    gradient(scalar_bf16_kernels(form), x.view(), delta.view(), s.leaf, expected.view());
    for (const Path& path : paths(form)) {
        INFO(path.name << ", split " << (form == Bf16Form::kSplit) << ": " << s.samples << " samples, "
                       << s.inputs << " inputs, " << s.outputs << " outputs, leaf " << s.leaf);
        GuardedMatrix dw = blank;
        gradient(path.kernels, x.view(), delta.view(), s.leaf, dw.view());
        CHECK(first_difference(dw.memory(), expected.memory()) == expected.memory().size());
    }
}

void check_gradient(GradientShape s, Random& random, Draw draw) {
    check_gradient_of(Bf16Form::kRounded, s, random, draw);
    if (split_too(random)) check_gradient_of(Bf16Form::kSplit, s, random, draw);
}

/// A size: often around the width of a register, a tile or a block, sometimes 0.
std::size_t any_size(Random& random, std::size_t longest) {
    static constexpr std::size_t kEdges[] = {0,  1,  2,  3,  6,  7,  8,  9,  14, 15, 16,
                                             17, 30, 31, 32, 33, 34, 47, 63, 64, 65};
    if (uniform(random, 0, 2) > 0) return kEdges[uniform(random, 0, std::size(kEdges) - 1)];
    return uniform(random, 1, longest);
}

void check_random_cases(std::uint64_t seed, int count) {
    Random random(seed);
    for (int i = 0; i < count; ++i) {
        const Draw draw = kDraws[static_cast<std::size_t>(i) % kDraws.size()];
        check_product({any_size(random, 80), any_size(random, 150), any_size(random, 80)}, i % 2 == 0, random,
                      draw);
        check_gradient(
            {uniform(random, 1, 150), any_size(random, 60), any_size(random, 60), uniform(random, 1, 70)},
            random, draw);
    }
}

}  // namespace

TEST_CASE("bf16: which paths are tested here") {
    for (const Path& path : paths()) MESSAGE("tested against scalar: " << path.name);
    if (!why_no_amx().empty()) MESSAGE("SKIPPED: real tiles were not tested: " << why_no_amx());
    if (paths().empty() || paths().back().name.find("amx") == std::string::npos) {
        MESSAGE("SKIPPED: the code for AMX was not tested on emulated tiles: this CPU lacks AVX-512");
    }
}

TEST_CASE("bf16: every tile height and width gives the scalar bits") {
    Random random(4);
    for (std::size_t rows = 1; rows <= 40; ++rows) {
        for (const std::size_t cols : {1, 15, 16, 17, 31, 32, 33, 70}) {
            check_product({rows, 37, cols}, rows % 2 == 0, random, ordinary);
            check_gradient({37, rows, cols, 32}, random, ordinary);
        }
    }
}

TEST_CASE("bf16: every depth within a block, and every length of a leaf, gives the scalar bits") {
    Random random(5);
    for (std::size_t depth = 0; depth <= 70; ++depth) {
        for (const Draw draw : kDraws) check_product({9, depth, 18}, depth % 2 == 0, random, draw);
    }
    for (std::size_t leaf = 1; leaf <= 70; ++leaf) {
        for (const Draw draw : kDraws) check_gradient({uniform(random, 1, 160), 9, 18, leaf}, random, draw);
    }
}

TEST_CASE("bf16: a thousand random shapes, strides and values give the scalar bits") {
    check_random_cases(6, 1000);
}

TEST_CASE("bf16: random shapes of a seed that changes give the scalar bits") {
    check_random_cases(changing_seed() + 2, 200);
}

TEST_CASE(
    "bf16: blocks of rows, columns and depth, many chunks of samples and very long leaves give the scalar "
    "bits") {
    Random random(7);
    for (const Shape s : {Shape{3, 2500, 40}, Shape{300, 1100, 9}, Shape{9, 1030, 70}, Shape{1500, 40, 33}}) {
        check_product(s, false, random, ordinary);
        check_product(s, true, random, ordinary);
    }
    for (const GradientShape s :
         {GradientShape{1024, 20, 40, 32}, GradientShape{1025, 20, 40, 32}, GradientShape{2500, 15, 17, 64},
          GradientShape{130, 700, 3, 32}, GradientShape{33, 3, 1500, 32}, GradientShape{3000, 9, 33, 2900},
          GradientShape{3000, 9, 33, 1100}, GradientShape{700, 40, 70, 1}, GradientShape{2000, 90, 300, 5},
          GradientShape{5000, 33, 5, 1000}, GradientShape{2500, 9, 0, 1}, GradientShape{2500, 0, 9, 1}}) {
        check_gradient(s, random, ordinary);
    }
}

}  // namespace lockstep::test
