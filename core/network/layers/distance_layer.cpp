// Neurons whose inner potential is the distance of the input from their centre; with a Gaussian, radial basis
// functions.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/arithmetic/distance.h"
#include "core/arithmetic/elementwise.h"
#include "core/network/layers/initialiser.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

/// ξ_j = ‖x − w_j‖, y_j = f(ξ_j), f the Gaussian or the distance itself: column j of the block "centre"
/// (inputs, outputs) is w_j. There is no bias. A centre is a place, not a strength, so that decay and bounds
/// on norms leave it alone. Distances are fp32 in every arithmetic: rounded to bf16, a sample and a centre
/// nearby would be one.
class DistanceLayer : public Layer {
  public:
    explicit DistanceLayer(const LayerSite& site)
        : Layer(site.output, site.spec.activation),
          initialiser_(site.spec.initialiser),
          scale_(site.spec.init_scale.value_or(1.0F)),
          centre_(site.blocks[0]) {}

    void initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const override {
        const std::size_t centres =
            std::min(parameters.size(), centre_.count() - std::min(first, centre_.count()));
        draw_weights(initialiser_, scale_, seed, centre_.layer, centre_.rows, centre_.cols, first,
                     parameters.first(centres));
        std::ranges::fill(parameters.subspan(centres), 0.0F);  // the gap
    }

    void forward(std::span<const float> parameters, ConstMatrix x, Matrix y,
                 Matrix /*state*/) const override {
        distance_forward(x, centre_.in(parameters), y);
        activate(activation(), y);
    }

    [[nodiscard]] bool gradient_reads_parameters() const override { return true; }

    void parameter_gradient(std::span<const float> parameters, ConstMatrix x, ConstMatrix delta,
                            ConstMatrix /*state*/, std::size_t leaf,
                            std::span<float> gradient) const override {
        distance_weight_gradient(x, centre_.in(parameters), delta, leaf, centre_.in(gradient));
    }

    void input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix x,
                     ConstMatrix /*state*/, Activation f_below, ConstMatrix below,
                     Matrix delta_below) const override {
        distance_input_delta(x, centre_.in(parameters), delta, delta_below);
        multiply_by_derivative(f_below, below, delta_below);
    }

  private:
    Initialiser initialiser_;
    float scale_;
    ParameterBlock centre_;
};

/// ξ_j = √ Σ_i (x_i − w_ij)².
std::vector<double> potentials(const LayerSpec& /*spec*/, const Shape& /*input*/,
                               std::span<const ReferenceBlock> blocks, std::span<const double> x) {
    const ReferenceBlock& centre = blocks[0];
    std::vector<double> xi(centre.cols, 0.0);
    for (std::size_t i = 0; i < centre.rows; ++i) {
        for (std::size_t j = 0; j < xi.size(); ++j) xi[j] += (x[i] - centre(i, j)) * (x[i] - centre(i, j));
    }
    for (double& value : xi) value = std::sqrt(value);
    return xi;
}

constexpr std::array kInitialisers{Initialiser::kUniform, Initialiser::kNormal, Initialiser::kConstant};

}  // namespace

extern const LayerKind kDistanceLayer{
    .name = "distance",
    .example = "distance units=5 width=0.5",
    .units = true,
    .potential = Potential::kDistance,
    .activation = ActivationKind::kGaussian,
    .initialisers = kInitialisers,
    .initialiser = [](Activation /*f*/) { return Initialiser::kUniform; },
    // The laws of weights look at a layer's widths, which say nothing of where the centres should lie.
    .initialiser_rule =
        "is made for weights; the centres of a distance layer take init=uniform, init=normal or "
        "init=constant, with scale= as far as the inputs reach",
    .output_shape = [](const LayerSpec& spec, const Shape& /*input*/) { return Shape(spec.units); },
    .blocks =
        [](const LayerSpec& spec, const Shape& input) {
            return std::vector<LayerBlock>{{"centre", input.count(), spec.units, ParameterRole::kOther}};
        },
    .make = [](const LayerSite& site) -> std::unique_ptr<Layer> {
        return std::make_unique<DistanceLayer>(site);
    },
    .potentials = potentials,
};

}  // namespace lockstep
