// Philox4x32-10: random numbers as a pure function of a key and a counter.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, and Random123.
#pragma once

#include <array>
#include <cstdint>

namespace lockstep {

/// What a random number is for. Part of the counter, so that two uses never share a number. The values are
/// part of every recorded run: append, never renumber.
enum class RandomPurpose : std::uint32_t {
    kInitialWeights = 1,
    kSampleOrder = 2,
    kSyntheticData = 3,
    kDropout = 5,
    kAugmentation = 6,
    kSplit = 16,
    kFolds = 17,
    kBootstrap = 18,
    kSweep = 19,
    kGradientCheck = 32,
    kAudit = 33,
};

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Ten rounds of Philox4x32: four random 32-bit words of (counter, key).
constexpr PhiloxCounter philox4x32(PhiloxCounter counter, PhiloxKey key) {
    constexpr std::uint32_t kMultiplier0 = 0xD2511F53;
    constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57;
    constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
    constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
        const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
        counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
                   static_cast<std::uint32_t>(product1),
                   static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
                   static_cast<std::uint32_t>(product0)};
        key = {key[0] + kWeyl0, key[1] + kWeyl1};
    }
    return counter;
}

/// The random words of one (seed, purpose): `block` gives four of them for an index (a parameter's or a
/// sample's global index) and a minor index (an epoch, a step, or the number of the block within the sample).
class RandomStream {
  public:
    constexpr RandomStream(std::uint64_t seed, RandomPurpose purpose)
        : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
          purpose_(static_cast<std::uint32_t>(purpose)) {}

    [[nodiscard]] constexpr PhiloxCounter block(std::uint64_t index, std::uint32_t minor = 0) const {
        return philox4x32(
            {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), minor, purpose_},
            key_);
    }

  private:
    PhiloxKey key_;
    std::uint32_t purpose_;
};

/// Uniform in [0, 1): the word's upper 24 bits, exact in float.
constexpr float uniform01(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

}  // namespace lockstep
