#include "launcher/onnx/onnx_graph.h"

#include <fmt/format.h>

namespace lockstep {

namespace {

/// float32 (N, size): N is however many samples a caller has.
void set_samples(onnx::ValueInfoProto& info, const std::string& name, std::size_t size) {
    info.set_name(name);
    onnx::TypeProto_Tensor& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto_DataType_FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    type.mutable_shape()->add_dim()->set_dim_value(static_cast<std::int64_t>(size));
}

}  // namespace

OnnxGraph::OnnxGraph(onnx::GraphProto& graph, std::size_t inputs) : graph_(graph), value_("input") {
    graph.set_name("lockstep");
    set_samples(*graph.add_input(), value_, inputs);
}

std::string OnnxGraph::constant(const std::string& name, std::initializer_list<std::size_t> shape,
                                std::span<const float> values) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto_DataType_FLOAT);
    for (const std::size_t size : shape) tensor.add_dims(static_cast<std::int64_t>(size));
    // Little-endian, as we are.
    tensor.set_raw_data(values.data(), values.size_bytes());
    return name;
}

std::string OnnxGraph::number(float value) {
    return constant(new_name("number"), {}, std::span<const float>(&value, 1));
}

std::string OnnxGraph::axes(std::initializer_list<std::int64_t> values) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(new_name("axes"));
    tensor.set_data_type(onnx::TensorProto_DataType_INT64);
    tensor.add_dims(static_cast<std::int64_t>(values.size()));
    for (const std::int64_t value : values) tensor.add_int64_data(value);
    return tensor.name();
}

onnx::NodeProto& OnnxGraph::apply_to(std::string_view op, std::initializer_list<std::string> values) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(std::string(op));
    for (const std::string& value : values) node.add_input(value);
    value_ = new_name(op);
    node.set_name(value_);
    node.add_output(value_);
    return node;
}

onnx::NodeProto& OnnxGraph::apply(std::string_view op, std::initializer_list<std::string> others) {
    onnx::NodeProto& node = apply_to(op, {value_});
    for (const std::string& other : others) node.add_input(other);
    return node;
}

void OnnxGraph::finish(std::size_t outputs) {
    value_ = "output";
    graph_.mutable_node(graph_.node_size() - 1)->set_output(0, value_);
    set_samples(*graph_.add_output(), value_, outputs);
}

std::string OnnxGraph::new_name(std::string_view stem) { return fmt::format("{}_{}", stem, named_++); }

void set_attribute(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto_AttributeType_INT);
    attribute.set_i(value);
}

}  // namespace lockstep
