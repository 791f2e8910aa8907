#include "launcher/files/model_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace lockstep {

namespace {

/// The float's place on the line of all floats: neighbours are 1 apart, both zeros are at 0.
std::int64_t place(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto magnitude = static_cast<std::int64_t>(bits & 0x7FFFFFFFU);
    return bits >> 31 != 0 ? -magnitude : magnitude;
}

}  // namespace

std::optional<std::uint64_t> ulps_between(float a, float b) {
    if (std::isnan(a) || std::isnan(b)) return std::nullopt;
    return static_cast<std::uint64_t>(std::abs(place(a) - place(b)));
}

std::optional<ModelDifference> first_difference(const Model& a, const Model& b) {
    return first_difference(a.layout, a.arena.span(), b.arena.span());
}

std::optional<ModelDifference> first_difference(const ParameterLayout& layout, std::span<const float> a,
                                                std::span<const float> b) {
    std::optional<ModelDifference> first;
    for (const ParameterBlock& block : layout.blocks()) {
        const std::span<const float> values_a = block.values(a);
        const std::span<const float> values_b = block.values(b);
        for (std::size_t i = 0; i < block.count(); ++i) {
            if (std::bit_cast<std::uint32_t>(values_a[i]) == std::bit_cast<std::uint32_t>(values_b[i]))
                continue;
            const auto ulps = ulps_between(values_a[i], values_b[i]);
            if (!first) {
                first = ModelDifference{.block = block.name,
                                        .layer = block.layer,
                                        .row = i / block.cols,
                                        .col = i % block.cols,
                                        .a = values_a[i],
                                        .b = values_b[i],
                                        .ulps = ulps,
                                        .value_count = layout.parameter_count()};
            }
            ++first->different_count;
            if (ulps) first->most_ulps = std::max(first->most_ulps.value_or(0), *ulps);
        }
    }
    return first;
}

LayerSpec computed(LayerSpec layer) {
    const LayerSpec plain;
    layer.initialiser = plain.initialiser;
    layer.init_scale = plain.init_scale;
    layer.draws_biases = plain.draws_biases;
    layer.dropout = plain.dropout;
    return layer;
}

std::string network_difference(const NetworkSpec& a, const NetworkSpec& b) {
    if (a.inputs.count() != b.inputs.count())
        return fmt::format("{} inputs against {}", a.inputs.count(), b.inputs.count());
    if (a.layers.size() != b.layers.size()) {
        return fmt::format("{} layers against {}", a.layers.size(), b.layers.size());
    }
    for (std::size_t l = 0; l < a.layers.size(); ++l) {
        if (a.layers[l] == b.layers[l]) continue;
        return fmt::format("layer {}: {} against {}", l, to_string(a.layers[l]), to_string(b.layers[l]));
    }
    return a.loss == b.loss ? "" : fmt::format("loss {} against {}", to_string(a.loss), to_string(b.loss));
}

}  // namespace lockstep
