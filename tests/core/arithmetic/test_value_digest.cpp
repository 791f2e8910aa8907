// The digest of values: one value on every instruction set and for every cut, another one for other values.
#include "core/arithmetic/value_digest.h"

#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {
namespace {

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
    Random random(seed);
    std::vector<float> values(count);
    for (float& value : values) value = any_float(random);
    return values;
}

DigestSums sums_of(std::span<const float> values) {
    DigestSums sums{};
    add_to_digest(values, 0, sums);
    return sums;
}

void flip(float& value, int bit) {
    value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ (1U << bit));
}

}  // namespace

TEST_CASE("digest of values: any instruction set, any number of threads and any cut give the same sums") {
    const std::vector<float> values = random_values(200'003, 1);
    DigestSums expected;
    {
        const UseInstructionSet use(InstructionSet::kScalar);
        expected = sums_of(values);
    }
    Random random(changing_seed());
    for (const InstructionSet isa : vector_sets()) {
        const UseInstructionSet use(isa);
        CHECK(sums_of(values) == expected);
        set_thread_count(3);
        CHECK(sums_of(values) == expected);
        set_thread_count(1);
        DigestSums of_pieces{};
        const std::size_t cut = uniform(random, 0, 1000);
        const std::size_t second = uniform(random, cut, values.size());
        const std::span<const float> all(values);
        // The last one first: the order does not matter.
        add_to_digest(all.subspan(second), second, of_pieces);
        add_to_digest(all.first(cut), 0, of_pieces);
        add_to_digest(all.subspan(cut, second - cut), cut, of_pieces);
        INFO(where(isa, fmt::format("cut at {} and {}", cut, second)));
        CHECK(of_pieces == expected);
    }
}

TEST_CASE("digest of values: recorded, as every build on every machine must have it") {
    std::vector<float> values(1000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 0.5F;
    CHECK(digest_of(sums_of(values)).hex() == "bf319974d6ebd88c59deb89a646fef8d");
    CHECK(sums_of({}) == DigestSums{});
}

TEST_CASE("digest of values: every bit counts, and so does every place") {
    std::vector<float> values = random_values(1000, 2);
    const DigestSums expected = sums_of(values);
    for (const std::size_t i : {0U, 1U, 15U, 16U, 127U, 128U, 500U, 999U}) {
        for (int bit = 0; bit < 32; ++bit) {
            flip(values[i], bit);
            CHECK(sums_of(values) != expected);
            flip(values[i], bit);
        }
    }
    // Pairs whose differences are equal, or each other's negative, as signs and swaps have them.
    for (const std::size_t other : {1U, 16U, 128U, 129U, 256U, 900U}) {
        flip(values[0], 31);
        flip(values[other], 31);
        CHECK(sums_of(values) != expected);
        flip(values[0], 31);
        flip(values[other], 31);
        std::swap(values[0], values[other]);
        CHECK(sums_of(values) != expected);
        std::swap(values[0], values[other]);
    }
    CHECK(sums_of(values) == expected);
    DigestSums moved{};
    add_to_digest(values, 1, moved);
    CHECK(moved != expected);
}

}  // namespace lockstep::test
