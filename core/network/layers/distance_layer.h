// Neurons whose inner potential is the distance of the input from their centre; with a Gaussian, radial basis
// functions.
#pragma once

#include <optional>

#include "core/network/layers/layer.h"

namespace lockstep {

/// ξ_j = ‖x − w_j‖, y_j = f(ξ_j), f the Gaussian or the distance itself: column j of the block "centre"
/// (inputs, outputs) is w_j. There is no bias. A centre is a place, not a strength, so that decay and bounds
/// on norms leave it alone. Distances are fp32 in every arithmetic: rounded to bf16, a sample and a centre
/// nearby would be one.
class DistanceLayer : public Layer {
  public:
    DistanceLayer(const LayerSpec& spec, std::size_t index, std::size_t inputs, ParameterLayout& layout);

    [[nodiscard]] std::size_t inputs() const override { return centre_.rows; }
    [[nodiscard]] std::size_t outputs() const override { return centre_.cols; }
    [[nodiscard]] Activation activation() const override { return activation_; }
    void initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const override;
    void pack(std::span<const float> /*parameters*/) override {}
    [[nodiscard]] std::size_t packed_bytes() const override { return 0; }
    void forward(std::span<const float> parameters, ConstMatrix x, Matrix y) const override;
    [[nodiscard]] bool gradient_reads_parameters() const override { return true; }
    void parameter_gradient(std::span<const float> parameters, ConstMatrix x, ConstMatrix delta,
                            std::size_t leaf, std::span<float> gradient) const override;
    void input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix x, Activation f_below,
                     ConstMatrix below, Matrix delta_below) const override;

  private:
    Activation activation_;
    Initialiser initialiser_;
    std::optional<float> init_scale_;
    ParameterBlock centre_;  // its offset from the start of the layer's run
};

}  // namespace lockstep
