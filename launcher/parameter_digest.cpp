#include "launcher/parameter_digest.h"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {

std::vector<LayerDigest> parameter_digests(const ParameterLayout& layout, std::span<const float> parameters) {
    std::vector<LayerDigest> digests;
    std::size_t layers = 0;
    for (const ParameterBlock& block : layout.blocks()) layers = std::max(layers, block.layer + 1);
    for (std::size_t layer = 0; layer < layers; ++layer) {
        const ArenaRange range = layout.layer_range(layer);
        if (range.count == 0) continue;
        digests.push_back(
            {fmt::format("layer{}", layer), digest_of(parameters.subspan(range.first, range.count))});
    }
    return digests;
}

}  // namespace lockstep
