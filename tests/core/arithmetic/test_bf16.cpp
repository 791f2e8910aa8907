// The products in bf16 against an oracle written from the definition, with faults that it must notice, and
// what is around them: rounding, padding, threads, biases and activations.
#include <algorithm>
#include <array>

#include "core/arithmetic/bf16_gemm.h"
#include "core/arithmetic/bf16_rounding.h"
#include "core/arithmetic/gemm.h"
#include "tests/core/arithmetic/simd/bf16_paths.h"

namespace lockstep::test {
namespace {

/// The nearest bf16 by trying both neighbours, independent of bit tricks.
float nearest_bf16(float value) {
    if (std::isnan(value) || std::isinf(value)) return value;
    if (std::fabs(value) < kSmallest) return std::copysign(0.0F, value);
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const float toward_zero = std::bit_cast<float>(bits & 0xFFFF0000U);
    const float away = std::bit_cast<float>((bits & 0xFFFF0000U) + 0x10000U);
    // Beyond the largest finite bf16 the next step would be to 2^128.
    const double far = std::isinf(away) ? std::copysign(0x1p128, value) : double{away};
    const double down = std::fabs(double{value} - double{toward_zero});
    const double up = std::fabs(far - double{value});
    if (down == up) return (bits >> 16 & 1U) == 0 ? toward_zero : away;
    return down < up ? toward_zero : away;
}

/// Orders in which an element's products could be added; all but the first are faults.
enum class Order { kDefinition, kOddFirst, kOneChain, kDescending, kBlocksOf16, kChainGoesOn };

/// One element over `a` and `b`.
float element(const std::vector<float>& a, const std::vector<float>& b, Order order = Order::kDefinition) {
    const std::size_t block = order == Order::kBlocksOf16 ? 16 : 32;
    float c = 0.0F;
    for (std::size_t first = 0; first < a.size(); first += block) {
        std::array<float, 2> chain{0.0F, 0.0F};
        if (order == Order::kChainGoesOn) chain[0] = c;
        for (std::size_t i = 0; i < block; ++i) {
            const std::size_t k = first + (order == Order::kDescending ? block - 1 - i : i);
            float& sum = chain[order == Order::kOneChain ? 0 : k % 2];
            sum = std::fma(k < a.size() ? nearest_bf16(a[k]) : 0.0F, k < b.size() ? nearest_bf16(b[k]) : 0.0F,
                           sum);
        }
        if (order == Order::kChainGoesOn) {
            c = chain[0] + chain[1];
        } else if (order == Order::kOddFirst) {
            c = (c + chain[1]) + chain[0];
        } else {
            c = c + (chain[0] + chain[1]);
        }
    }
    return c;
}

float tree_sum(std::span<const float> leaves) {
    if (leaves.size() == 1) return leaves[0];
    std::size_t k = 1;
    while (k * 2 < leaves.size()) k *= 2;
    return tree_sum(leaves.first(k)) + tree_sum(leaves.subspan(k));
}

std::vector<float> row(ConstMatrix m, std::size_t r) { return {m.row(r).begin(), m.row(r).end()}; }
std::vector<float> column(ConstMatrix m, std::size_t c) {
    std::vector<float> values(m.rows);
    for (std::size_t r = 0; r < m.rows; ++r) values[r] = m(r, c);
    return values;
}

}  // namespace

TEST_CASE("bf16: rounding is to the nearest, ties to even; denormals are zeros, NaN stays NaN") {
    const auto check = [](std::uint32_t bits) {
        const float value = std::bit_cast<float>(bits);
        INFO(fmt::format("{:08x}", bits));
        CHECK(same(scalar::from_bf16(scalar::to_bf16(value)), nearest_bf16(value)));
    };
    for (std::uint32_t high = 0; high < 0x10000U; ++high) {
        for (const std::uint32_t low : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) check(high << 16 | low);
    }
    Random random(1);
    for (int i = 0; i < 100000; ++i) check(static_cast<std::uint32_t>(random()));
    CHECK(std::isnan(scalar::from_bf16(scalar::to_bf16(std::bit_cast<float>(0x7F800001U)))));
    CHECK(std::isinf(scalar::from_bf16(scalar::to_bf16(kLargest))));
}

TEST_CASE("bf16: scalar products follow the definition, and the check rejects other orders") {
    const ContractFloatMode mode;
    Random random(2);
    const Bf16Kernels scalar = scalar_bf16_kernels(Bf16Form::kRounded);
    std::array<int, 6> differing{};
    for (const Draw draw : kDraws) {
        for (const std::size_t depth : {0, 1, 2, 5, 31, 32, 33, 64, 100}) {
            const auto a = GuardedMatrix(4, depth, random).fill(random, draw);
            const auto b = GuardedMatrix(depth, 5, random).fill(random, draw);
            GuardedMatrix c(4, 5, random);
            multiply(scalar, a.view(), packed(scalar, b.view(), false), c.view());
            for (std::size_t r = 0; r < 4; ++r) {
                for (std::size_t col = 0; col < 5; ++col) {
                    CHECK(same(c.view()(r, col), element(row(a.view(), r), column(b.view(), col))));
                    for (std::size_t order = 1; order < differing.size(); ++order) {
                        const float other =
                            element(row(a.view(), r), column(b.view(), col), static_cast<Order>(order));
                        if (!same(c.view()(r, col), other)) ++differing[order];
                    }
                }
            }
        }
    }
    // The planted faults: were they not seen, the comparison above could not fail.
    for (std::size_t order = 1; order < differing.size(); ++order) {
        INFO("fault " << order);
        CHECK(differing[order] > 20);
    }
}

TEST_CASE("bf16: scalar weight gradients are leaves of the definition, added by the tree") {
    const ContractFloatMode mode;
    Random random(3);
    for (const std::size_t leaf : {1, 3, 8, 31, 32, 33, 48, 64}) {
        for (const std::size_t samples : {1, 7, 32, 33, 65, 130}) {
            const auto x = GuardedMatrix(samples, 3, random).fill(random, ordinary);
            const auto delta = GuardedMatrix(samples, 2, random).fill(random, ordinary);
            GuardedMatrix dw(3, 2, random);
            gradient(scalar_bf16_kernels(Bf16Form::kRounded), x.view(), delta.view(), leaf, dw.view());
            for (std::size_t i = 0; i < 3; ++i) {
                for (std::size_t o = 0; o < 2; ++o) {
                    std::vector<float> leaves;
                    for (std::size_t s = 0; s < samples; s += leaf) {
                        const std::size_t count = std::min(leaf, samples - s);
                        leaves.push_back(element(column(x.view().row_range(s, count), i),
                                                 column(delta.view().row_range(s, count), o)));
                    }
                    CHECK(same(dw.view()(i, o), tree_sum(leaves)));
                }
            }
        }
    }
}

TEST_CASE("bf16: a negative zero that was flushed meets the zeros that fill its block up") {
    const ContractFloatMode mode;
    // Two blocks leave c = (1.5 − 1.75) · 2^-126, flushed to −0. In the third every product is flushed to −0,
    // in both chains: a full block keeps c = −0, but the padding's +0 · +0 makes the chains, and so c, +0.
    std::vector<Path> all = paths();
    all.push_back({"scalar", scalar_bf16_kernels(Bf16Form::kRounded)});
    for (std::size_t in_third = 2; in_third <= 32; ++in_third) {
        const std::size_t depth = 64 + in_third;
        std::vector<float> a(depth, 0.0F);
        std::vector<float> b(depth, 0.0F);
        a[0] = 1.5F * 0x1p-63F;
        a[32] = -1.75F * 0x1p-63F;
        b[0] = b[32] = 0x1p-63F;
        std::fill(a.begin() + 64, a.end(), -0x1p-80F);
        std::fill(b.begin() + 64, b.end(), 0x1p-80F);
        for (const Path& path : all) {
            INFO(path.name << ", depth " << depth);
            float c = 1.0F;
            multiply(path.kernels, {a.data(), 1, depth}, packed(path.kernels, {b.data(), depth, 1}, false),
                     {&c, 1, 1});
            // With 31 values the even chain is full and the odd one is not: −0 + +0 = +0.
            CHECK(std::bit_cast<std::uint32_t>(c) == (in_third == 32 ? 0x80000000U : 0U));
        }
    }
}

TEST_CASE("bf16: two threads give the bits of one") {
    const ContractFloatMode mode;
    Random random(8);
    const std::size_t b = 150;
    const std::size_t in = 300;
    const std::size_t out = 270;
    const auto x = GuardedMatrix(b, in, random).fill(random, ordinary);
    const auto w = GuardedMatrix(in, out, random).fill(random, ordinary);
    const auto delta = GuardedMatrix(b, out, random).fill(random, ordinary);
    const auto bias = GuardedMatrix(1, out, random).fill(random, ordinary);
    const Activation f{ActivationKind::kTanh, 1.7159F, 0.6667F};
    const auto run = [&](int threads) {
        const UseThreads use(threads);
        PackedWeights packed_w(in, out, true);
        packed_w.pack(w.view());
        std::vector<float> results(b * out + b * in + in * out);
        const Matrix y{results.data(), b, out};
        const Matrix below{y.data + b * out, b, in};
        bf16_forward(x.view(), packed_w, bias.view().row(0), f, y);
        bf16_input_delta(delta.view(), packed_w, f, x.view(), below);
        bf16_weight_gradient(x.view(), delta.view(), 32, {below.data + b * in, in, out});
        return results;
    };
    for (const InstructionSet isa : available_instruction_sets()) {
        const UseInstructionSet use(isa);
        const std::vector<float> one = run(1);
        for (const int threads : {2, 3, 4}) {
            INFO(where(isa, fmt::format("{} threads", threads)));
            CHECK(first_difference(run(threads), one) == one.size());
        }
    }
}

TEST_CASE("bf16: bias, activation and derivative are fp32's") {
    const ContractFloatMode mode;
    Random random(9);
    const auto x = GuardedMatrix(40, 21, random).fill(random, ordinary);
    const auto w = GuardedMatrix(21, 35, random).fill(random, ordinary);
    const auto delta = GuardedMatrix(40, 35, random).fill(random, ordinary);
    const auto bias = GuardedMatrix(1, 35, random).fill(random, ordinary);
    // fp32's own epilogue on a product with the identity: x · 1 is x.
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        PackedWeights packed_w(21, 35, true);
        packed_w.pack(w.view());
        GuardedMatrix potential(40, 35, random);
        bf16_forward(x.view(), packed_w, {}, {}, potential.view());
        std::vector<float> identity(std::size_t{35} * 35);
        for (std::size_t i = 0; i < 35; ++i) identity[i * 36] = 1.0F;
        const Activation f{ActivationKind::kSigmoid, 1.0F, 1.5F};
        GuardedMatrix expected(40, 35, random);
        dense_forward(potential.view(), {identity.data(), 35, 35}, bias.view().row(0), f, expected.view());
        GuardedMatrix y = expected;
        bf16_forward(x.view(), packed_w, bias.view().row(0), f, y.view());
        CHECK(first_difference(y.memory(), expected.memory()) == expected.memory().size());

        GuardedMatrix plain(40, 21, random);
        bf16_input_delta(delta.view(), packed_w, {}, {}, plain.view());
        GuardedMatrix below = plain;
        bf16_input_delta(delta.view(), packed_w, f, x.view(), below.view());
        for (std::size_t r = 0; r < 40; ++r) {
            for (std::size_t i = 0; i < 21; ++i) {
                const float derivative = 1.5F * x.view()(r, i) * (1.0F - x.view()(r, i));
                CHECK(same(below.view()(r, i), plain.view()(r, i) * derivative));
            }
        }
    }
}

TEST_CASE("bf16: an empty batch gives plus zeros, and weights that were not packed are refused") {
    std::vector<float> dw(6, -1.0F);
    bf16_weight_gradient({nullptr, 0, 2}, {nullptr, 0, 3}, 32, {dw.data(), 2, 3});
    for (const float value : dw) CHECK(std::bit_cast<std::uint32_t>(value) == 0);
    const PackedWeights unpacked(2, 3, true);
    std::vector<float> values(6);
    CHECK_THROWS_AS(bf16_forward({values.data(), 2, 2}, unpacked, {}, {}, {dw.data(), 2, 3}),
                    std::invalid_argument);
    CHECK_THROWS_AS(bf16_input_delta({values.data(), 2, 3}, unpacked, {}, {}, {dw.data(), 2, 2}),
                    std::invalid_argument);
}

}  // namespace lockstep::test
