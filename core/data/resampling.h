// Draws of a set that a network can be trained and judged on several times over: folds and bootstrap samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep {

/// Samples to train on, and others to judge by. Ascending.
struct Resample {
    std::vector<std::uint64_t> training;  ///< a bootstrap sample holds some several times
    std::vector<std::uint64_t> validation;
};

/// Cross-validation: the set is cut at random into `folds` parts whose sizes differ by one at most; each is
/// the validation part of one draw, all others its training part. A function of the arguments alone. Requires
/// 2 <= folds <= count.
std::vector<Resample> cross_validation(std::size_t count, std::size_t folds, std::uint64_t seed);

/// The bootstrap sample number `number`: `count` draws with replacement to train on, and what was never
/// drawn, about a share of 1/e, to judge by (Breiman, Bagging Predictors, 1996; "out of bag"). A function of
/// the arguments alone.
Resample bootstrap(std::size_t count, std::uint64_t seed, std::uint32_t number);

}  // namespace lockstep
