// A fully connected layer: y = f(x · W + bias).
#include <algorithm>
#include <array>
#include <optional>

#include "core/arithmetic/bf16_gemm.h"
#include "core/arithmetic/gemm.h"
#include "core/network/layers/initialiser.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

/// W (inputs, outputs), bias (outputs). With softmax outputs f is the identity: the objective takes the
/// potentials.
class DenseLayer : public Layer {
  public:
    explicit DenseLayer(const LayerSite& site)
        : Layer(site.output, site.spec.activation),
          initialiser_(site.spec.initialiser),
          init_scale_(site.spec.init_scale),
          draws_biases_(site.spec.draws_biases),
          weight_(site.blocks[0]),
          bias_(site.blocks[1]) {
        // Nobody asks the first layer for the delta of its inputs.
        if (!packs_weights(site.arithmetic)) return;
        packed_.emplace(weight_.rows, weight_.cols, site.index > 0, bf16_form(site.arithmetic));
    }

    void initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const override {
        std::ranges::fill(parameters, 0.0F);  // biases that are not drawn, and the gaps
        // Draws what of a block lies in the slice, as number `index` and on.
        const auto draw = [&](const ParameterBlock& block, std::size_t index) {
            const std::size_t begin = std::max(first, block.offset);
            const std::size_t end = std::min(first + parameters.size(), block.offset + block.count());
            if (begin >= end) return;
            draw_weights(initialiser_, init_scale_, seed, weight_.layer, weight_.rows, weight_.cols,
                         index + begin - block.offset, parameters.subspan(begin - first, end - begin));
        };
        draw(weight_, 0);
        if (draws_biases_) draw(bias_, weight_.count());
    }

    void pack(std::span<const float> parameters) override {
        if (packed_) packed_->pack(weight_.in(parameters));
    }
    [[nodiscard]] std::size_t packed_bytes() const override { return packed_ ? packed_->bytes() : 0; }

    void forward(std::span<const float> parameters, ConstMatrix x, Matrix y,
                 Matrix /*state*/) const override {
        if (packed_) {
            bf16_forward(x, *packed_, bias_.values(parameters), activation(), y);
        } else {
            dense_forward(x, weight_.in(parameters), bias_.values(parameters), activation(), y);
        }
    }

    void parameter_gradient(std::span<const float> /*parameters*/, ConstMatrix x, ConstMatrix delta,
                            ConstMatrix /*state*/, std::size_t leaf,
                            std::span<float> gradient) const override {
        if (packed_) {
            bf16_weight_gradient(x, delta, leaf, weight_.in(gradient), packed_->form());
        } else {
            dense_weight_gradient(x, delta, leaf, weight_.in(gradient));
        }
        dense_bias_gradient(delta, leaf, bias_.values(gradient));
    }

    void input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix /*x*/,
                     ConstMatrix /*state*/, Activation f_below, ConstMatrix below,
                     Matrix delta_below) const override {
        if (packed_) {
            bf16_input_delta(delta, *packed_, f_below, below, delta_below);
        } else {
            dense_input_delta(delta, weight_.in(parameters), f_below, below, delta_below);
        }
    }

  private:
    Initialiser initialiser_;
    std::optional<float> init_scale_;
    bool draws_biases_;
    ParameterBlock weight_;
    ParameterBlock bias_;
    std::optional<PackedWeights> packed_;  // where the arithmetic wants them
};

/// ξ_j = b_j + Σ_i w_ij x_i.
std::vector<double> potentials(const LayerSpec& /*spec*/, const Shape& /*input*/,
                               std::span<const ReferenceBlock> blocks, std::span<const double> x) {
    const ReferenceBlock& weight = blocks[0];
    std::vector<double> xi(blocks[1].values.begin(), blocks[1].values.end());
    for (std::size_t i = 0; i < weight.rows; ++i) {
        for (std::size_t j = 0; j < weight.cols; ++j) xi[j] += x[i] * weight(i, j);
    }
    return xi;
}

constexpr std::array kInitialisers{Initialiser::kHe,      Initialiser::kGlorot,   Initialiser::kLecun,
                                   Initialiser::kUniform, Initialiser::kHeNormal, Initialiser::kGlorotNormal,
                                   Initialiser::kNormal,  Initialiser::kConstant};

}  // namespace

extern const LayerKind kDenseLayer{
    .name = "dense",
    .example = "dense units=800 activation=relu",
    .units = true,
    .biases = true,
    .initialisers = kInitialisers,
    .initialiser =
        [](Activation f) { return row_of(f.kind).rectifies ? Initialiser::kHe : Initialiser::kGlorot; },
    .output_shape = [](const LayerSpec& spec, const Shape& /*input*/) { return Shape(spec.units); },
    .blocks =
        [](const LayerSpec& spec, const Shape& input) {
            return std::vector<LayerBlock>{{"weight", input.count(), spec.units, ParameterRole::kWeight},
                                           {"bias", 1, spec.units, ParameterRole::kBias}};
        },
    .make = [](const LayerSite& site) -> std::unique_ptr<Layer> {
        return std::make_unique<DenseLayer>(site);
    },
    .potentials = potentials,
};

}  // namespace lockstep
