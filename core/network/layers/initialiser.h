// Draws a weight matrix, and biases by the same law.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/network/network_spec.h"

namespace lockstep {

/// weight[i] by (seed, layer, i), of the law that network_spec.h gives; `scale` as LayerSpec::init_scale:
///   uniform  bound · (2u − 1), u uniform in [0, 1)
///   normal   deviation · √(−2 log(1 − u)) · cos 2πv for even i, sin 2πv for odd i, u and v shared by a pair
///            (Box and Muller, 1958), with the arithmetic's own log and cosine
/// Draws those from i = first on. Requires first + weight.size() <= (inputs + 1) · outputs: behind the
/// weights there is a number for each bias.
void draw_weights(Initialiser initialiser, std::optional<float> scale, std::uint64_t seed, std::size_t layer,
                  std::size_t inputs, std::size_t outputs, std::size_t first, std::span<float> weight);

}  // namespace lockstep
