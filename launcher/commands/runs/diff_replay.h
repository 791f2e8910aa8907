// Goes on where the ledgers of two runs part: both replay the step, and their leaves are compared value by
// value.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launcher/files/model_difference.h"

namespace lockstep {

/// What two replays of a step say.
struct ReplayComparison {
    enum Where { kNowhere, kLeaf, kGradient, kParameters };
    /// What differs first: the gradient of a leaf, or, where all leaves are equal or cut otherwise, that of
    /// the batch, or the parameters after the step. kNowhere: the replays are equal.
    Where where = kNowhere;
    std::size_t step = 0;                  ///< where they part, which may be before the step asked for
    std::size_t leaf = 0;                  ///< where = kLeaf
    std::vector<std::uint64_t> samples_a;  ///< of that leaf, in the training sets
    std::vector<std::uint64_t> samples_b;
    std::optional<ModelDifference> value;  ///< the first that differs
    /// "" where a run's ledger is what its replay says; else where it is not: the machine has erred.
    std::string fault_a;
    std::string fault_b;
};

/// Replays both runs in this process, from step `equal_until` or a checkpoint before, to the first step in
/// which they differ, or `step`. Starts MPI for it and ends it. Throws Error where a replay
/// is not possible.
ReplayComparison compare_by_replay(const std::filesystem::path& a, const std::filesystem::path& b,
                                   std::size_t equal_until, std::size_t step);

}  // namespace lockstep
