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
//
// As accurate as fp32's, and on AMX several times as fast, are products of operands that are split instead of
// rounded (the idea: Henry, Tang and Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For
// Higher-Precision Computations", ARITH 2019): h = bf16(x), m = bf16(x - h), l = bf16((x - h) - m) keep all
// 24 bits of x. A first sweep over all blocks adds to c, as above, the products l·h, h·l, m·m, m·h, h·m of
// parts of a and of b, in that order in each block; a second one adds h·h. Sums in which a part could be lost
// are fp32's chain instead: see split_guard.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/arithmetic/arithmetic.h"
#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/arithmetic/split_guard.h"
#include "core/base/buffer.h"
#include "core/base/matrix.h"

namespace lockstep {

/// Requires packs_weights(arithmetic).
constexpr Bf16Form bf16_form(Arithmetic arithmetic) {
    return arithmetic == Arithmetic::kFp32Amx ? Bf16Form::kSplit : Bf16Form::kRounded;
}

/// The weights of a dense layer as the products in bf16 read them: rounded or split, and packed, once for the
/// forward product and, where asked for, once transposed for the input delta. To be packed again whenever the
/// weights change.
class PackedWeights {
  public:
    /// Allocates nothing: that is for the first pack().
    PackedWeights(std::size_t inputs, std::size_t outputs, bool transposed_too,
                  Bf16Form form = Bf16Form::kRounded);

    /// Packs w (inputs, outputs). Where it is split, w must stay in its place until it is packed again: the
    /// products read it for the sums that cannot be made of parts.
    void pack(ConstMatrix w);

    [[nodiscard]] std::size_t inputs() const { return inputs_; }
    [[nodiscard]] std::size_t outputs() const { return outputs_; }
    [[nodiscard]] Bf16Form form() const { return form_; }
    /// Memory of the copies, allocated or not.
    [[nodiscard]] std::size_t bytes() const;
    /// The pairs of w (inputs, outputs), in the form of bf16_kernels.h. Requires pack().
    [[nodiscard]] std::span<const std::uint32_t> by_input() const { return by_input_.span(); }
    /// The pairs of wᵀ (outputs, inputs). Requires pack(), and transposed_too.
    [[nodiscard]] std::span<const std::uint32_t> by_output() const { return by_output_.span(); }
    /// Of a split: the weights themselves, and the magnitudes in each of their rows and columns.
    [[nodiscard]] ConstMatrix weights() const { return w_; }
    [[nodiscard]] const MagnitudeRanges& of_inputs() const { return of_inputs_; }
    [[nodiscard]] const MagnitudeRanges& of_outputs() const { return of_outputs_; }

  private:
    void find_magnitudes(std::size_t row, std::size_t rows);

    std::size_t inputs_, outputs_;
    bool transposed_too_;
    Bf16Form form_;
    Buffer<std::uint32_t> by_input_, by_output_;
    ConstMatrix w_;                           // of a split
    MagnitudeRanges of_inputs_, of_outputs_;  // of w's rows and columns
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
void bf16_weight_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw,
                          Bf16Form form = Bf16Form::kRounded);

}  // namespace lockstep
