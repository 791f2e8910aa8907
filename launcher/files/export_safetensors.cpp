#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "launcher/files/atomic_file.h"
#include "launcher/files/export_formats.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

std::string header_of(const Model& model) {
    std::string layers;
    for (const LayerSpec& layer : model.record.network.layers) {
        layers += (layers.empty() ? "" : "; ") + to_string(layer);
    }
    Json header;
    header["__metadata__"] = {{"format", "lockstep"},
                              {"layers", layers},
                              {"loss", to_string(model.record.network.loss)},
                              {"data_source", model.record.data_source},
                              {"step", std::to_string(model.record.step)},
                              {"lockstep_version", model.record.lockstep_version}};
    std::uint64_t offset = 0;
    for (const ParameterBlock& block : model.layout.blocks()) {
        const std::uint64_t end = offset + block.count() * sizeof(float);
        const Json shape = block.rows == 1 && block.name.ends_with(".bias") ? Json{block.cols}
                                                                            : Json{block.rows, block.cols};
        header[block.name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = json_text(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const Model& model) {
    const std::string header = header_of(model);
    const std::uint64_t header_bytes = header.size();
    AtomicFile file(path, ExitCode::kUsage);
    file.write(std::as_bytes(std::span(&header_bytes, 1)));
    file.write(header);
    for (const ParameterBlock& block : model.layout.blocks()) {
        file.write(std::as_bytes(block.values(model.arena.span())));
    }
    file.commit();
}

}  // namespace lockstep
