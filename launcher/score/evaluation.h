// Loss and accuracy of a network on a whole data set, shared among the ranks.
#pragma once

#include <optional>
#include <span>

#include "comm/communicator.h"
#include "core/data/dataset.h"
#include "core/network/learner.h"

namespace lockstep {

struct Score {
    double loss = 0.0;               ///< mean over the samples
    std::optional<double> accuracy;  ///< fraction in [0, 1]; where the outputs are probabilities
    std::size_t samples = 0;
    bool operator==(const Score&) const = default;
};

/// The set is one batch for the leaf tree, so the score has the same bits on any number of ranks. Reads,
/// forwards and scores in pieces of bounded memory. Requires dataset.has_targets(). Collective.
Score evaluate(const Communicator& comm, Scorer& scorer, ParameterSource& parameters, const Dataset& dataset,
               std::size_t leaf);

}  // namespace lockstep
