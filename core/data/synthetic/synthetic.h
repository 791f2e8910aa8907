// What the synthetic sets share: which of two disjoint streams a set draws from, and how it is identified.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/philox.h"
#include "core/data/open_data.h"

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

/// The keys that synthetic sources read.
inline constexpr std::array<std::string_view, 3> kSyntheticKeys{"seed", "train_samples", "test_samples"};

/// Two disjoint sets, of the asked sizes or these.
template <class Set>
DataSets open_synthetic(const DataOptions& options, std::size_t train_samples, std::size_t test_samples) {
    if (options.train_samples > 0) train_samples = options.train_samples;
    if (options.test_samples > 0) test_samples = options.test_samples;
    return {std::make_shared<Set>(SyntheticSet{options.seed, Split::kTrain, train_samples}),
            nullptr,
            std::make_shared<Set>(SyntheticSet{options.seed, Split::kTest, test_samples}),
            {}};
}

}  // namespace lockstep
