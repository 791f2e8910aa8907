#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "launcher/exchange/array_file.h"
#include "launcher/exchange/export_formats.h"
#include "launcher/exchange/metadata.h"
#include "launcher/files/atomic_file.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

std::string header_of(const Model& model) {
    nlohmann::ordered_json header;
    header["__metadata__"] = metadata_of(model.record);
    std::uint64_t offset = 0;
    for (const ArrayView& array : arrays_of(model)) {
        const std::uint64_t end = offset + array.values.size_bytes();
        header[array.name] = {{"dtype", "F32"}, {"shape", array.shape}, {"data_offsets", {offset, end}}};
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
    for (const ArrayView& array : arrays_of(model)) file.write(std::as_bytes(array.values));
    file.commit();
}

}  // namespace lockstep
