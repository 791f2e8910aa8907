// The rules that scale a layer's step by the layer's norms, for large batches.
//
// A norm is √ of square_sum (elementwise.h), in double, over all that the layer holds, weights and biases: it
// depends on the values alone, not on ranks or threads. Every other operation is one of elementwise.h.
#pragma once

#include <vector>

#include "core/base/buffer.h"
#include "core/training/optimizer.h"

namespace lockstep {

/// LARS (You, Gitman, Ginsburg, 2017, algorithm 1), with g the mean gradient and λ the weight decay:
///   trust ratio = trust · ‖w‖ / (‖g‖ + λ ‖w‖), or 1 where either norm is 0
///   Δ = momentum · Δ − learning_rate · trust ratio · (g + λ w),  w = w + Δ
class Lars : public Optimizer {
  public:
    Lars(OptimizerOptions options, std::size_t count);

    [[nodiscard]] std::size_t state_per_parameter() const override { return 1; }
    [[nodiscard]] bool needs_whole_layers() const override { return true; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override;

  private:
    OptimizerOptions options_;
    Buffer<float> delta_;
    std::vector<double> block_sums_;
};

/// LAMB (You et al., ICLR 2020, algorithm 2, φ the identity): d as lamb_direction gives it,
///   w = w − learning_rate · ‖w‖ / ‖d‖ · d, the ratio 1 where either norm is 0
class Lamb : public Optimizer {
  public:
    Lamb(OptimizerOptions options, std::size_t count);

    /// The two moments, and the direction, which waits for its norm.
    [[nodiscard]] std::size_t state_per_parameter() const override { return 3; }
    [[nodiscard]] bool needs_whole_layers() const override { return true; }
    void update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                std::span<float> parameters) override;

  private:
    OptimizerOptions options_;
    Buffer<float> m_;
    Buffer<float> v_;
    Buffer<float> direction_;
    std::vector<double> block_sums_;
};

/// 1 / (1 − beta^t), the power by repeated squaring: libm's pow may differ between machines.
float bias_correction(float beta, std::size_t t);

}  // namespace lockstep
