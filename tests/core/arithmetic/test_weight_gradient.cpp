// The weight and bias gradients: the leaf tree against an independent reference, with faults that it must
// notice, and every instruction set against scalar.
#include <bit>

#include "core/arithmetic/gemm.h"
#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

/// The sums of the leaves of one element, in order; (samples) factors a and b.
std::vector<float> leaf_sums(std::span<const float> a, std::span<const float> b, std::size_t leaf) {
    std::vector<float> sums;
    for (std::size_t s = 0; s < a.size(); ++s) {
        if (s % leaf == 0) sums.push_back(0.0F);
        sums.back() = std::fma(a[s], b[s], sums.back());
    }
    return sums;
}

/// RFC 6962, section 2.1, read literally: k is the largest power of two smaller than n.
float tree_sum(std::span<const float> leaves) {
    if (leaves.empty()) return 0.0F;
    if (leaves.size() == 1) return leaves[0];
    std::size_t k = 1;
    while (k * 2 < leaves.size()) k *= 2;
    return tree_sum(leaves.first(k)) + tree_sum(leaves.subspan(k));
}

std::vector<float> column(ConstMatrix m, std::size_t c) {
    std::vector<float> values(m.rows);
    for (std::size_t r = 0; r < m.rows; ++r) values[r] = m(r, c);
    return values;
}

struct Case {
    std::size_t samples, inputs, outputs, leaf;
};

using Draw = float (*)(Random&);

void check_against_scalar(Case c, Random& random, Draw draw) {
    const ContractFloatMode mode;
    const auto x = GuardedMatrix(c.samples, c.inputs, random).fill(random, draw);
    const auto delta = GuardedMatrix(c.samples, c.outputs, random).fill(random, draw);
    const GuardedMatrix blank(c.inputs, c.outputs, random);
    const GuardedMatrix blank_bias(1, c.outputs, random);
    GuardedMatrix expected = blank;
    GuardedMatrix expected_bias = blank_bias;
    {
        const UseInstructionSet use(InstructionSet::kScalar);
        dense_weight_gradient(x.view(), delta.view(), c.leaf, expected.view());
        dense_bias_gradient(delta.view(), c.leaf, expected_bias.view().row(0));
    }
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        GuardedMatrix dw = blank;
        GuardedMatrix db = blank_bias;
        dense_weight_gradient(x.view(), delta.view(), c.leaf, dw.view());
        dense_bias_gradient(delta.view(), c.leaf, db.view().row(0));
        INFO(where(isa, fmt::format("{} samples, {} inputs, {} outputs, leaf {}", c.samples, c.inputs,
                                    c.outputs, c.leaf)));
        CHECK(first_difference(dw.memory(), expected.memory()) == expected.memory().size());
        CHECK(first_difference(db.memory(), expected_bias.memory()) == expected_bias.memory().size());
    }
}

void check_random_cases(std::uint64_t seed, int count) {
    Random random(seed);
    for (int i = 0; i < count; ++i) {
        const Case c{uniform(random, 0, 200), uniform(random, 0, 70), uniform(random, 0, 70),
                     uniform(random, 1, 40)};
        check_against_scalar(c, random, i % 3 == 0 ? mostly_ordinary : ordinary);
    }
}

}  // namespace

TEST_CASE(
    "weight gradient: every number of leaves gives the bits of RFC 6962's tree, on every instruction set") {
    const ContractFloatMode mode;
    Random random(1);
    constexpr std::size_t kLeaf = 3;
    for (const InstructionSet isa : available_instruction_sets()) {
        const UseInstructionSet use(isa);
        for (std::size_t samples = 0; samples <= 110; ++samples) {
            const auto x = GuardedMatrix(samples, 3, random).fill(random, ordinary);
            const auto delta = GuardedMatrix(samples, 2, random).fill(random, ordinary);
            GuardedMatrix dw(3, 2, random);
            std::vector<float> db(2);
            dense_weight_gradient(x.view(), delta.view(), kLeaf, dw.view());
            dense_bias_gradient(delta.view(), kLeaf, db);
            INFO(where(isa, fmt::format("{} samples", samples)));
            const std::vector<float> ones(samples, 1.0F);
            for (std::size_t o = 0; o < 2; ++o) {
                const std::vector<float> d = column(delta.view(), o);
                CHECK(same(db[o], tree_sum(leaf_sums(ones, d, kLeaf))));
                for (std::size_t i = 0; i < 3; ++i) {
                    CHECK(same(dw.view()(i, o), tree_sum(leaf_sums(column(x.view(), i), d, kLeaf))));
                }
            }
        }
    }
}

TEST_CASE(
    "weight gradient: the check rejects a skipped leaf, leaves swapped across subtrees, and a serial sum") {
    const ContractFloatMode mode;
    Random random(2);
    constexpr std::size_t kSamples = 13 * 4;
    const auto x = GuardedMatrix(kSamples, 8, random).fill(random, ordinary);
    const auto delta = GuardedMatrix(kSamples, 8, random).fill(random, ordinary);
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        GuardedMatrix dw(8, 8, random);
        dense_weight_gradient(x.view(), delta.view(), 4, dw.view());
        std::size_t skipped_seen = 0;
        std::size_t swapped_seen = 0;
        std::size_t serial_seen = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            for (std::size_t o = 0; o < 8; ++o) {
                const std::vector<float> sums = leaf_sums(column(x.view(), i), column(delta.view(), o), 4);
                std::vector<float> skipped = sums;
                skipped[5] = 0.0F;
                std::vector<float> swapped = sums;
                std::swap(swapped[1], swapped[6]);
                float serial = 0.0F;
                for (const float leaf : sums) serial += leaf;
                skipped_seen += same(dw.view()(i, o), tree_sum(skipped)) ? 0 : 1;
                swapped_seen += same(dw.view()(i, o), tree_sum(swapped)) ? 0 : 1;
                serial_seen += same(dw.view()(i, o), serial) ? 0 : 1;
            }
        }
        // A leaf that is left out changes every element; another order of the same numbers rounds many of
        // them alike.
        CHECK(skipped_seen == 64);
        CHECK(swapped_seen >= 8);
        CHECK(serial_seen >= 8);
    }
}

TEST_CASE("weight gradient: every tile height and width gives the scalar bits") {
    Random random(3);
    for (std::size_t inputs = 1; inputs <= 30; ++inputs) {
        for (const std::size_t outputs : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40}) {
            check_against_scalar({7, inputs, outputs, 2}, random, ordinary);
        }
    }
}

TEST_CASE("weight gradient: hundreds of random shapes, strides and leaves give the scalar bits") {
    check_random_cases(4, 200);
}

TEST_CASE("weight gradient: random shapes of a seed that changes give the scalar bits") {
    check_random_cases(changing_seed() + 1, 60);
}

TEST_CASE(
    "weight gradient: blocks of rows, long batches and a leaf as long as the batch give the scalar bits") {
    Random random(5);
    for (const Case c :
         {Case{1024, 20, 40, 32}, Case{2500, 15, 17, 64}, Case{5000, 30, 70, 32}, Case{130, 700, 3, 32},
          Case{33, 3, 1500, 32}, Case{100, 33, 33, 100}, Case{100, 33, 33, 1000}, Case{1, 40, 70, 32},
          Case{300, 256, 64, 32}, Case{600, 900, 512, 577}, Case{4000, 15, 33, 577}, Case{6400, 20, 35, 32},
          Case{10001, 15, 33, 10000}, Case{1300, 14, 1100, 1}}) {
        check_against_scalar(c, random, ordinary);
    }
}

TEST_CASE("weight gradient: infinities, NaN, denormals and signed zeros give the scalar bits") {
    Random random(6);
    for (int i = 0; i < 60; ++i) {
        check_against_scalar(
            {uniform(random, 0, 9), uniform(random, 1, 20), uniform(random, 1, 40), uniform(random, 1, 4)},
            random, any_float);
    }
}

TEST_CASE("weight gradient: an empty batch gives plus zeros") {
    for (const InstructionSet isa : available_instruction_sets()) {
        INFO(name(isa));
        const UseInstructionSet use(isa);
        std::vector<float> dw(6, -1.0F);
        std::vector<float> db(3, -1.0F);
        dense_weight_gradient({nullptr, 0, 2}, {nullptr, 0, 3}, 32, {dw.data(), 2, 3});
        dense_bias_gradient({nullptr, 0, 3}, 32, db);
        for (const float value : dw) CHECK(std::bit_cast<std::uint32_t>(value) == 0);
        for (const float value : db) CHECK(std::bit_cast<std::uint32_t>(value) == 0);
    }
}

}  // namespace lockstep::test
