// The three operations of a layer whose potentials are distances, in canonical arithmetic.
//
// ξ_j = ‖x − w_j‖, w_j column j of w. The differences are squared one by one: ‖x‖² − 2xw + ‖w‖² would lose a
// small distance between large vectors. delta is ∂E/∂(ξ²/2), by which ∂E/∂w_j = Σ delta_j (w_j − x).
// Every element of a result is one ascending chain, as in gemm.h.
#pragma once

#include <cstddef>

#include "core/base/matrix.h"

namespace lockstep {

/// y = ‖x − w‖: the chain acc = fma(d, d, acc), d = x[i] − w[i], over the inputs from +0, and its root.
/// Shapes: x (b, in), w (in, out), y (b, out). y overlaps no operand.
void distance_forward(ConstMatrix x, ConstMatrix w, Matrix y);

/// dw[i][j] = tree over leaves of acc = fma(delta[s][j], w[i][j] − x[s][i], acc), each leaf from +0 over its
/// samples, as in dense_weight_gradient. Shapes: x (b, in), w and dw (in, out), delta (b, out). b = 0 gives
/// +0. Requires leaf > 0.
void distance_weight_gradient(ConstMatrix x, ConstMatrix w, ConstMatrix delta, std::size_t leaf, Matrix dw);

/// below[s][i] = acc = fma(delta[s][j], x[s][i] − w[i][j], acc) over the outputs from +0: ∂E/∂x. Shapes: x
/// and below (b, in), w (in, out), delta (b, out). below overlaps no operand.
void distance_input_delta(ConstMatrix x, ConstMatrix w, ConstMatrix delta, Matrix below);

}  // namespace lockstep
