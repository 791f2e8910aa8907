// An element-wise activation as a layer of its own, without parameters: y = f(x).
//
// Behind a dense layer of identity outputs it computes what the two in one would, bit for bit; behind others,
// and below dropout of its own, it has no twin.
#include <algorithm>

#include "core/arithmetic/elementwise.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

void copy(ConstMatrix from, Matrix to) {
    for (std::size_t r = 0; r < from.rows; ++r) std::ranges::copy(from.row(r), to.row(r).begin());
}

/// Its potential is its input: ξ = x.
class ActivationLayer : public Layer {
  public:
    explicit ActivationLayer(const LayerSite& site) : Layer(site.output, site.spec.activation) {}

    void forward(std::span<const float> /*parameters*/, ConstMatrix x, Matrix y,
                 Matrix /*state*/) const override {
        copy(x, y);
        activate(activation(), y);
    }
    void input_delta(std::span<const float> /*parameters*/, ConstMatrix delta, ConstMatrix /*x*/,
                     ConstMatrix /*state*/, Activation f_below, ConstMatrix below,
                     Matrix delta_below) const override {
        copy(delta, delta_below);
        multiply_by_derivative(f_below, below, delta_below);
    }
};

}  // namespace

extern const LayerKind kActivationLayer{
    .name = "activation",
    .example = "activation activation=relu",
    .activation = std::nullopt,
    .output_shape = [](const LayerSpec& /*spec*/, const Shape& input) { return input; },
    .blocks = [](const LayerSpec& /*spec*/, const Shape& /*input*/) { return std::vector<LayerBlock>{}; },
    .make = [](const LayerSite& site) -> std::unique_ptr<Layer> {
        return std::make_unique<ActivationLayer>(site);
    },
    .potentials = [](const LayerSpec& /*spec*/, const Shape& /*input*/,
                     std::span<const ReferenceBlock> /*blocks*/,
                     std::span<const double> x) { return std::vector<double>(x.begin(), x.end()); },
};

}  // namespace lockstep
