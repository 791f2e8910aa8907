#include "core/network/layers/distance_layer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arithmetic/distance.h"
#include "core/arithmetic/elementwise.h"
#include "core/network/layers/initialiser.h"

namespace lockstep {

DistanceLayer::DistanceLayer(const LayerSpec& spec, std::size_t index, std::size_t inputs,
                             ParameterLayout& layout)
    : activation_(spec.activation), initialiser_(spec.initialiser), init_scale_(spec.init_scale) {
    layout.append(fmt::format("layer{}.centre", index), index, inputs, spec.units, ParameterRole::kOther);
    centre_ = layout.blocks().back();
    centre_.offset = 0;
}

void DistanceLayer::initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const {
    const std::size_t centres =
        std::min(parameters.size(), centre_.count() - std::min(first, centre_.count()));
    draw_weights(initialiser_, init_scale_.value_or(1.0F), seed, centre_.layer, inputs(), outputs(), first,
                 parameters.first(centres));
    std::ranges::fill(parameters.subspan(centres), 0.0F);  // the gap
}

void DistanceLayer::forward(std::span<const float> parameters, ConstMatrix x, Matrix y) const {
    distance_forward(x, centre_.in(parameters), y);
    activate(activation_, y);
}

void DistanceLayer::parameter_gradient(std::span<const float> parameters, ConstMatrix x, ConstMatrix delta,
                                       std::size_t leaf, std::span<float> gradient) const {
    distance_weight_gradient(x, centre_.in(parameters), delta, leaf, centre_.in(gradient));
}

void DistanceLayer::input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix x,
                                Activation f_below, ConstMatrix below, Matrix delta_below) const {
    distance_input_delta(x, centre_.in(parameters), delta, delta_below);
    multiply_by_derivative(f_below, below, delta_below);
}

}  // namespace lockstep
