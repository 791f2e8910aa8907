// Philox against the known answers that Random123 publishes, and the streams made from it.
#include "core/base/philox.h"

#include <set>

#include "tests/core/arithmetic/bits.h"

namespace lockstep::test {

// Random123, tests/kat_vectors, lines "philox4x32 10".
TEST_CASE("philox4x32-10: Random123's known answers") {
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("RandomStream: seed, purpose, index and minor index each change the numbers") {
    const RandomStream stream(7, RandomPurpose::kInitialWeights);
    std::set<PhiloxCounter> blocks;
    blocks.insert(stream.block(5, 3));
    blocks.insert(stream.block(5, 4));
    blocks.insert(stream.block(6, 3));
    blocks.insert(stream.block(5 + (std::uint64_t{1} << 32), 3));
    blocks.insert(RandomStream(8, RandomPurpose::kInitialWeights).block(5, 3));
    blocks.insert(RandomStream(7 + (std::uint64_t{1} << 32), RandomPurpose::kInitialWeights).block(5, 3));
    blocks.insert(RandomStream(7, RandomPurpose::kSampleOrder).block(5, 3));
    blocks.insert(RandomStream(7, RandomPurpose::kSyntheticData).block(5, 3));
    CHECK(blocks.size() == 8);
}

TEST_CASE("RandomStream: the counter's layout, which every recorded run depends on, stays as it is") {
    const RandomStream stream(0x299f31d0a4093822, static_cast<RandomPurpose>(0x03707344));
    CHECK(stream.block(0x85a308d3243f6a88, 0x13198a2e) ==
          PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform01: from 0 up to the float below 1, exact") {
    CHECK(uniform01(0) == 0.0F);
    CHECK(uniform01(0xFF) == 0.0F);
    CHECK(uniform01(0x100) == 0x1p-24F);
    CHECK(uniform01(0x80000000) == 0.5F);
    CHECK(uniform01(0xFFFFFFFF) == 0x1.fffffep-1F);
}

}  // namespace lockstep::test
