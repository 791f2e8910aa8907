// The three products of a dense layer, in canonical arithmetic.
//
// Every element of a product is one chain acc = fma(a[k], b[k], acc) from +0 with k ascending, on every
// instruction set and any number of threads: kernels vectorise, block and share out only the other two
// dimensions.
#pragma once

#include <cstddef>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/base/matrix.h"

namespace lockstep {

/// y = f(x · w + bias): the product's chain over the inputs, then one addition of the bias, then f.
/// Shapes: x (b, in), w (in, out), bias (out) or empty for none, y (b, out). y overlaps no operand.
void dense_forward(ConstMatrix x, ConstMatrix w, std::span<const float> bias, Activation f, Matrix y);

/// below = (delta · wᵀ) ⊙ f'(x), where x = f(ξ) are the outputs of the layer below: the delta that layer
/// needs. Shapes: delta (b, out), w (in, out), x (b, in), below (b, in). With f the identity x is not read.
void dense_input_delta(ConstMatrix delta, ConstMatrix w, Activation f, ConstMatrix x, Matrix below);

/// dw = tree over leaves of xᵀ · delta: each leaf of `leaf` samples (rows; the last may be short) is one
/// chain over its samples from +0, and the leaves are added by the tree of leaf_tree.h, all while the tile is
/// in cache. Shapes: x (b, in), delta (b, out), dw (in, out). b = 0 gives +0. Requires leaf > 0.
void dense_weight_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw);

/// db = tree over leaves of the column sums of delta: each leaf the chain acc = acc + delta[s] from +0.
/// Shapes: delta (b, out), db (out).
void dense_bias_gradient(ConstMatrix delta, std::size_t leaf, std::span<float> db);

}  // namespace lockstep
