// The table of activations: names, parameters, and the formulas in double that the kernels are checked
// against.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "core/arithmetic/activation.h"

namespace lockstep {

/// What a neuron's potential is, and so which functions of it make sense.
enum class Potential { kSum, kDistance };

/// A parameter of an activation, as a layer's text has it: a positive number within the bounds.
struct ActivationKey {
    std::string_view name;  ///< "steepness"; empty: the activation does not read it
    float least = 0.0F;
    float most = std::numeric_limits<float>::infinity();
};

/// Values between which outputs lie without reaching them.
struct OpenRange {
    float least = 0.0F;
    float most = 0.0F;
};

/// What the rest of the program asks of an activation beside its formula: a row of the table.
struct ActivationRow {
    ActivationKind kind = ActivationKind::kIdentity;
    std::string_view name;  ///< "relu"; unique among those of the same potential
    Potential potential = Potential::kSum;
    ActivationKey a = {};
    ActivationKey b = {};
    std::optional<OpenRange> range = std::nullopt;  ///< times a; none where unbounded, or reached
    bool rectifies = false;                         ///< half of the inputs are silenced: He's law suits it
    bool descends = true;                           ///< whether there is a derivative to descend by
    /// f(ξ), by libm: what the kernels are checked against.
    double (*reference)(Activation f, double xi) = nullptr;
    /// Which of f's smooth pieces an output y lies on: there a derivative is that of the piece.
    int (*piece)(double y) = [](double /*y*/) { return 0; };
};

/// All of them, in the order of ActivationKind.
std::span<const ActivationRow> activation_table();
const ActivationRow& row_of(ActivationKind kind);

}  // namespace lockstep
