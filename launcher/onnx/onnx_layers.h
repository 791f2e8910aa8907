// What becomes of a layer in an ONNX graph.
#pragma once

#include <span>

#include "core/network/network_spec.h"
#include "core/network/parameter_layout.h"
#include "launcher/onnx/onnx_graph.h"

namespace lockstep {

/// Appends the layer with its activation. `blocks`: its own, whose values lie in `arena`. Throws ConfigError
/// where there is no such form of its kind, or of its activation.
void append_layer(OnnxGraph& graph, const LayerSpec& layer, std::span<const ParameterBlock> blocks,
                  std::span<const float> arena);

}  // namespace lockstep
