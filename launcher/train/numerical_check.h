// Finds where a NaN or an infinity came from.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "comm/communicator.h"
#include "core/network/parameter_source.h"
#include "launcher/train/replica.h"

namespace lockstep {

/// Throws a NumericalError on every rank alike, naming the first parameter block that holds a NaN or an
/// infinity, if any does. `moment` says when: "after step 12 (epoch 1)". Collective.
void check_parameters(const Communicator& comm, const ParameterLayout& layout, ParameterSource& parameters,
                      const std::string& moment);

/// What a rank knows of the step whose loss was not finite.
struct FailedStep {
    std::string moment;                      ///< "at step 12 (epoch 1)"
    double loss;                             ///< the batch's mean loss: NaN or infinite
    std::span<const std::uint64_t> indices;  ///< of this rank's samples
    /// Makes the step's forward pass again, piece by piece.
    std::function<void(const Replica::VisitPiece&)> revisit;
};

/// Throws the NumericalError of a step whose loss was NaN or infinite, on every rank alike. It names what was
/// not finite first: a parameter block before the step (the weights), an input of a sample (the data), or,
/// both being finite, the first layer whose outputs overflowed. Collective.
[[noreturn]] void explain_failed_step(const Communicator& comm, Replica& replica, const FailedStep& step);

}  // namespace lockstep
