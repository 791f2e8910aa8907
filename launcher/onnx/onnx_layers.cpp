#include "launcher/onnx/onnx_layers.h"

#include <fmt/format.h>

#include <string>

#include "core/base/error.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

/// y = x · W + bias.
void append_dense(OnnxGraph& graph, std::span<const ParameterBlock> blocks, std::span<const float> arena) {
    const ParameterBlock& weight = blocks[0];
    const ParameterBlock& bias = blocks[1];
    graph.apply("Gemm", {graph.constant(weight.name, {weight.rows, weight.cols}, weight.values(arena)),
                         graph.constant(bias.name, {bias.cols}, bias.values(arena))});
}

/// The root of what squares of differences add up to over the inputs, as the layer has it: differences of
/// squares would lose what a sample near its centre needs.
void append_distance(OnnxGraph& graph, std::span<const ParameterBlock> blocks, std::span<const float> arena) {
    const ParameterBlock& centre = blocks[0];
    graph.apply("Unsqueeze", {graph.axes({2})});
    graph.apply("Sub", {graph.constant(centre.name, {centre.rows, centre.cols}, centre.values(arena))});
    graph.apply("Mul", {graph.value()});
    set_attribute(graph.apply("ReduceSum", {graph.axes({1})}), "keepdims", 0);
    graph.apply("Sqrt");
}

void multiply(OnnxGraph& graph, float factor) {
    if (factor != 1.0F) graph.apply("Mul", {graph.number(factor)});
}

/// The formulas of core/arithmetic/activation.h.
void append_activation(OnnxGraph& graph, Activation f) {
    switch (f.kind) {
        case ActivationKind::kIdentity:
        case ActivationKind::kDistance:
            return;
        case ActivationKind::kRelu:
            graph.apply("Relu");
            return;
        case ActivationKind::kSigmoid:
            multiply(graph, f.b);
            graph.apply("Sigmoid");
            return;
        case ActivationKind::kTanh:
            multiply(graph, f.b);
            graph.apply("Tanh");
            multiply(graph, f.a);
            return;
        case ActivationKind::kStep: {
            graph.apply("Less", {graph.number(0.0F)});
            const std::string is_below = graph.value();
            graph.apply_to("Where", {is_below, graph.number(0.0F), graph.number(1.0F)});
            return;
        }
        case ActivationKind::kSaturated:
            graph.apply("Clip", {graph.number(0.0F), graph.number(1.0F)});
            return;
        case ActivationKind::kGaussian:
            graph.apply("Mul", {graph.value()});
            multiply(graph, -0.5F / (f.b * f.b));
            graph.apply("Exp");
            return;
    }
    throw ConfigError(fmt::format("--format onnx: activation {} has no form there; use safetensors or npz",
                                  row_of(f.kind).name));
}

}  // namespace

void append_layer(OnnxGraph& graph, const LayerSpec& layer, std::span<const ParameterBlock> blocks,
                  std::span<const float> arena) {
    const std::string_view kind = layer.kind->name;
    if (kind == "dense") {
        append_dense(graph, blocks, arena);
    } else if (kind == "distance") {
        append_distance(graph, blocks, arena);
    } else if (kind != "activation") {
        throw ConfigError(fmt::format(
            "--format onnx: layer '{}': a {} layer has no form there; use safetensors or npz, which hold its "
            "parameters",
            to_string(layer), kind));
    }
    if (layer.softmax) {
        graph.apply("Softmax");
    } else {
        append_activation(graph, layer.activation);
    }
}

}  // namespace lockstep
