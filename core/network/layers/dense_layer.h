// A fully connected layer: y = f(x · W + bias).
#pragma once

#include <optional>

#include "core/arithmetic/bf16_gemm.h"
#include "core/network/layers/layer.h"

namespace lockstep {

/// W (inputs, outputs), bias (outputs). With softmax outputs f is the identity: the objective takes the
/// potentials.
class DenseLayer : public Layer {
  public:
    DenseLayer(const LayerSpec& spec, std::size_t index, std::size_t inputs, Arithmetic arithmetic,
               ParameterLayout& layout);

    [[nodiscard]] std::size_t inputs() const override { return weight_.rows; }
    [[nodiscard]] std::size_t outputs() const override { return weight_.cols; }
    [[nodiscard]] Activation activation() const override { return activation_; }
    void initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const override;
    void pack(std::span<const float> parameters) override;
    [[nodiscard]] std::size_t packed_bytes() const override;
    void forward(std::span<const float> parameters, ConstMatrix x, Matrix y) const override;
    void parameter_gradient(std::span<const float> parameters, ConstMatrix x, ConstMatrix delta,
                            std::size_t leaf, std::span<float> gradient) const override;
    void input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix x, Activation f_below,
                     ConstMatrix below, Matrix delta_below) const override;

  private:
    Activation activation_;
    Initialiser initialiser_;
    std::optional<float> init_scale_;
    bool draws_biases_;
    ParameterBlock weight_;  // offsets from the start of the layer's run
    ParameterBlock bias_;
    std::optional<PackedWeights> packed_;  // where the arithmetic wants them
};

}  // namespace lockstep
