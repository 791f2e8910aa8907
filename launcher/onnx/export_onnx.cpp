#include "launcher/onnx/export_onnx.h"

#include <fmt/format.h>
#include <onnx.pb.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/error.h"
#include "launcher/exchange/metadata.h"
#include "launcher/files/atomic_file.h"
#include "launcher/onnx/onnx_graph.h"
#include "launcher/onnx/onnx_layers.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

// The oldest that has these operators as they are used here: what is old is read by most runtimes.
constexpr std::int64_t kOpset = 13;
constexpr std::int64_t kIrVersion = 7;

/// From inputs as they are stored to those of the network.
void append_inputs(OnnxGraph& graph, const ModelRecord& record) {
    if (record.input_divisor.value_or(1.0F) != 1.0F)
        graph.apply("Div", {graph.number(*record.input_divisor)});
    if (!record.preprocessing) return;
    const Preprocessing& preprocessing = *record.preprocessing;
    const std::size_t raw = preprocessing.raw_size();
    const std::size_t outputs = preprocessing.output_size();
    graph.apply("Sub", {graph.constant("preprocessing.offset", {raw}, preprocessing.offset)});
    if (!preprocessing.rotation.empty()) {
        graph.apply("MatMul",
                    {graph.constant("preprocessing.rotation", {raw, outputs}, preprocessing.rotation)});
    }
    graph.apply("Mul", {graph.constant("preprocessing.factor", {outputs}, preprocessing.factor)});
}

void add_metadata(onnx::ModelProto& file, const ModelRecord& record) {
    const nlohmann::ordered_json metadata = metadata_of(record);
    for (const auto& [name, text] : metadata.items()) {
        onnx::StringStringEntryProto& entry = *file.add_metadata_props();
        entry.set_key(name);
        entry.set_value(text.get<std::string>());
    }
}

onnx::ModelProto graph_of(const Model& model) {
    const ModelRecord& record = model.record;
    onnx::ModelProto file;
    file.set_ir_version(kIrVersion);
    file.set_producer_name("lockstep");
    file.set_producer_version(std::string(kVersion));
    file.add_opset_import()->set_version(kOpset);
    add_metadata(file, record);
    const std::size_t inputs =
        record.preprocessing ? record.preprocessing->raw_size() : record.network.inputs.count();
    OnnxGraph graph(*file.mutable_graph(), inputs);
    append_inputs(graph, record);
    for (std::size_t l = 0; l < record.network.layers.size(); ++l)
        append_layer(graph, record.network.layers[l], model.layout.blocks_of(l), model.arena.span());
    graph.finish(output_shape(record.network).count());
    return file;
}

}  // namespace

void write_onnx(const std::filesystem::path& path, const Model& model) {
    // What protobuf's messages can be, and some of it for names and shapes.
    constexpr std::size_t kMost_bytes = std::numeric_limits<std::int32_t>::max() - (std::size_t{1} << 20);
    if (model.arena.size() * sizeof(float) > kMost_bytes) {
        throw ConfigError(fmt::format(
            "{}: the model is too large for an ONNX file of at most 2 GiB; use --format safetensors",
            path.string()));
    }
    const std::string bytes = graph_of(model).SerializeAsString();
    write_file(path, bytes, ExitCode::kUsage);
}

}  // namespace lockstep
