// Draws a weight matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/network/network_spec.h"

namespace lockstep {

/// weight[i] = bound · (2u − 1), u uniform in [0, 1) by (seed, layer, i); bound as network_spec.h gives it.
/// Shape: weight (inputs · outputs).
void draw_weights(Initialiser initialiser, std::uint64_t seed, std::size_t layer, std::size_t inputs,
                  std::size_t outputs, std::span<float> weight);

}  // namespace lockstep
