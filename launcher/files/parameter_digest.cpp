#include "launcher/files/parameter_digest.h"

#include <fmt/format.h>

namespace lockstep {

std::vector<LayerDigest> parameter_digests(const ParameterLayout& layout, ParameterSource& parameters) {
    std::vector<LayerDigest> digests;
    for_each_layer(parameters, layout, [&](std::size_t layer, std::span<const float> values) {
        if (!values.empty()) digests.push_back({fmt::format("layer{}", layer), digest_of(values)});
    });
    return digests;
}

std::vector<LayerDigest> parameter_digests(const ParameterLayout& layout, std::span<const float> parameters) {
    WholeArena arena(layout, parameters);
    return parameter_digests(layout, arena);
}

}  // namespace lockstep
