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
      draws_biases_(spec.draws_biases),
      weight_(appended(layout, "weight", index, inputs, spec.units, ParameterRole::kWeight)),
      bias_(appended(layout, "bias", index, 1, spec.units, ParameterRole::kBias)) {
    bias_.offset -= weight_.offset;
    weight_.offset = 0;
    // Nobody asks the first layer for the delta of its inputs.
    if (!packs_weights(arithmetic)) return;
    packed_.emplace(inputs, spec.units, index > 0, bf16_form(arithmetic));
}

void DenseLayer::initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const {
    std::ranges::fill(parameters, 0.0F);  // biases that are not drawn, and the gaps
    // Draws what of a block lies in the slice, as number `index` and on.
    const auto draw = [&](const ParameterBlock& block, std::size_t index) {
        const std::size_t begin = std::max(first, block.offset);
        const std::size_t end = std::min(first + parameters.size(), block.offset + block.count());
        if (begin >= end) return;
        draw_weights(initialiser_, init_scale_, seed, weight_.layer, inputs(), outputs(),
                     index + begin - block.offset, parameters.subspan(begin - first, end - begin));
    };
    draw(weight_, 0);
    if (draws_biases_) draw(bias_, weight_.count());
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
