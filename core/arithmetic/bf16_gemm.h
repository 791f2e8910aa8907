// The three products of a dense layer in bf16: operands rounded to bf16, sums in fp32, the same bits
// everywhere.
//
// Rounding is to the nearest bf16, ties to even; a denormal becomes a zero, a NaN stays a NaN. The k of an
// element runs in blocks of 32 in ascending order, zeros filling the last one up on both sides. From +0, each
// block gives
//   even = the chain fma(a[k], b[k], even) from +0 over its even k, ascending;  odd = the same over its odd k
//   c    = c + (even + odd)
// with every step rounded to nearest even and denormals flushed: what the instruction TDPBF16PS does (Intel
// 64 and IA-32 Architectures Software Developer's Manual, volume 2), and what other instruction sets
// reproduce.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/arithmetic/buffer.h"
#include "core/arithmetic/matrix.h"

namespace lockstep {

/// The weights of a dense layer as the products in bf16 read them: rounded and packed, once for the forward
/// product and, where asked for, once transposed for the input delta. To be packed again whenever the weights
/// change.
class PackedWeights {
  public:
    /// Allocates nothing: that is for the first pack().
    PackedWeights(std::size_t inputs, std::size_t outputs, bool transposed_too);

    /// Rounds and packs w (inputs, outputs).
    void pack(ConstMatrix w);

    [[nodiscard]] std::size_t inputs() const { return inputs_; }
    [[nodiscard]] std::size_t outputs() const { return outputs_; }
    /// Memory of the copies, allocated or not.
    [[nodiscard]] std::size_t bytes() const;
    /// The pairs of w (inputs, outputs), in the form of bf16_kernels.h. Requires pack().
    [[nodiscard]] std::span<const std::uint32_t> by_input() const { return by_input_.span(); }
    /// The pairs of wᵀ (outputs, inputs). Requires pack(), and transposed_too.
    [[nodiscard]] std::span<const std::uint32_t> by_output() const { return by_output_.span(); }

  private:
    std::size_t inputs_, outputs_;
    bool transposed_too_;
    Buffer<std::uint32_t> by_input_, by_output_;
};

/// y = f(x · w + bias), the bias added and f applied in fp32. Shapes: x (b, in), w (in, out), bias (out) or
/// empty for none, y (b, out). y overlaps no operand.
void bf16_forward(ConstMatrix x, const PackedWeights& w, std::span<const float> bias, Activation f, Matrix y);

/// below = (delta · wᵀ) ⊙ f'(x), see dense_input_delta. Shapes: delta (b, out), w (in, out), x and below (b,
/// in).
void bf16_input_delta(ConstMatrix delta, const PackedWeights& w, Activation f, ConstMatrix x, Matrix below);

/// dw = tree over leaves of xᵀ · delta: each leaf of `leaf` samples has its own c, whose blocks are cut from
/// the leaf's first sample; the leaves are added in fp32 by the tree of leaf_tree.h. Shapes: x (b, in), delta
/// (b, out), dw (in, out). b = 0 gives +0. Requires leaf > 0.
void bf16_weight_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw);

}  // namespace lockstep
