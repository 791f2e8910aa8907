#include "core/network/layers/dense_layer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arithmetic/gemm.h"
#include "core/network/layers/initialiser.h"

namespace lockstep {

namespace {

ParameterBlock appended(ParameterLayout& layout, const char* what, std::size_t layer, std::size_t rows,
                        std::size_t cols, ParameterRole role) {
    layout.append(fmt::format("layer{}.{}", layer, what), layer, rows, cols, role);
    return layout.blocks().back();
}

}  // namespace

DenseLayer::DenseLayer(const LayerSpec& spec, std::size_t index, std::size_t inputs, Arithmetic arithmetic,
                       ParameterLayout& layout)
    : activation_(spec.activation),
      initialiser_(spec.initialiser),
      init_scale_(spec.init_scale),
      weight_(appended(layout, "weight", index, inputs, spec.units, ParameterRole::kWeight)),
      bias_(appended(layout, "bias", index, 1, spec.units, ParameterRole::kOther)) {
    bias_.offset -= weight_.offset;
    weight_.offset = 0;
    // Nobody asks the first layer for the delta of its inputs.
    if (!packs_weights(arithmetic)) return;
    packed_.emplace(inputs, spec.units, index > 0, bf16_form(arithmetic));
}

void DenseLayer::initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const {
    const std::size_t weights =
        std::min(parameters.size(), weight_.count() - std::min(first, weight_.count()));
    draw_weights(initialiser_, init_scale_, seed, weight_.layer, inputs(), outputs(), first,
                 parameters.first(weights));
    std::ranges::fill(parameters.subspan(weights), 0.0F);  // the bias, and the gaps
}

void DenseLayer::pack(std::span<const float> parameters) {
    if (packed_) packed_->pack(weight_.in(parameters));
}

std::size_t DenseLayer::packed_bytes() const { return packed_ ? packed_->bytes() : 0; }

void DenseLayer::forward(std::span<const float> parameters, ConstMatrix x, Matrix y) const {
    if (packed_) {
        bf16_forward(x, *packed_, bias_.values(parameters), activation_, y);
    } else {
        dense_forward(x, weight_.in(parameters), bias_.values(parameters), activation_, y);
    }
}

void DenseLayer::parameter_gradient(std::span<const float> /*parameters*/, ConstMatrix x, ConstMatrix delta,
                                    std::size_t leaf, std::span<float> gradient) const {
    if (packed_) {
        bf16_weight_gradient(x, delta, leaf, weight_.in(gradient), packed_->form());
    } else {
        dense_weight_gradient(x, delta, leaf, weight_.in(gradient));
    }
    dense_bias_gradient(delta, leaf, bias_.values(gradient));
}

void DenseLayer::input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix /*x*/,
                             Activation f_below, ConstMatrix below, Matrix delta_below) const {
    if (packed_) {
        bf16_input_delta(delta, *packed_, f_below, below, delta_below);
    } else {
        dense_input_delta(delta, weight_.in(parameters), f_below, below, delta_below);
    }
}

}  // namespace lockstep
