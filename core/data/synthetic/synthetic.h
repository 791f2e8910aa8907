// What the synthetic sets share: which of two disjoint streams a set draws from, and how it is identified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/philox.h"

namespace lockstep {

enum class Split : std::uint32_t { kTrain = 0, kTest = 1 };

/// A synthetic set: sample i is a pure function of (seed, split, i), so a larger set begins with the smaller
/// one.
struct SyntheticSet {
    std::uint64_t seed = 1;
    Split split = Split::kTrain;
    std::size_t samples = 0;

    /// The block-th four random words of sample `index`. The split is the upper half of the counter's third
    /// word, so that training and test set never share a number. Requires block < 65536.
    [[nodiscard]] PhiloxCounter random(std::uint64_t index, std::uint32_t block) const {
        return RandomStream(seed, RandomPurpose::kSyntheticData)
            .block(index, static_cast<std::uint32_t>(split) << 16 | block);
    }

    /// "alvinn train (seed 1), 50000 samples".
    [[nodiscard]] std::string description(std::string_view name) const;
    /// Digest of the name, the generator's version and the members: all that the samples depend on.
    [[nodiscard]] std::string digest(std::string_view name, std::uint64_t version) const;
};

}  // namespace lockstep
