// The kinds of layers, by the name that a specification gives them.
#include "core/network/layers/layer.h"

#include "core/network/layers/dense_layer.h"
#include "core/network/layers/distance_layer.h"

namespace lockstep {

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, std::size_t index, std::size_t inputs,
                                  Arithmetic arithmetic, ParameterLayout& layout) {
    if (spec.kind == "distance") return std::make_unique<DistanceLayer>(spec, index, inputs, layout);
    return std::make_unique<DenseLayer>(spec, index, inputs, arithmetic, layout);
}

}  // namespace lockstep
