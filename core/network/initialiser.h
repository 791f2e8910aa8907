// Draws a weight matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/network/network_spec.h"

namespace lockstep {

/// weight[i] = bound · (2u − 1), u uniform in [0, 1) by (seed, layer, i); bound as network_spec.h gives it.
/// Draws those from i = first on. Requires first + weight.size() <= inputs · outputs, or no weights.
void draw_weights(Initialiser initialiser, std::uint64_t seed, std::size_t layer, std::size_t inputs,
                  std::size_t outputs, std::size_t first, std::span<float> weight);

}  // namespace lockstep
