// The reader of safetensors files.
#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

#include "launcher/exchange/array_file.h"
#include "launcher/files/parse_json.h"

namespace lockstep {

namespace {

using Json = nlohmann::json;

struct Header {
    Json entries;
    std::uint64_t data_offset = 0;
    std::uint64_t data_bytes = 0;
};

Header read_header(std::ifstream& file) {
    const auto size = static_cast<std::uint64_t>(file.seekg(0, std::ios::end).tellg());
    std::uint64_t bytes = 0;
    file.seekg(0).read(reinterpret_cast<char*>(&bytes), sizeof bytes);
    if (!file || bytes > size - sizeof bytes)
        throw std::runtime_error("it ends before its header does; copy the file again");
    std::string text(bytes, '\0');
    file.read(text.data(), static_cast<std::streamsize>(bytes));
    Header header{parse_json<Json>(text), sizeof bytes + bytes, size - sizeof bytes - bytes};
    if (!file || !header.entries.is_object()) throw std::runtime_error("its header is no object of JSON");
    return header;
}

NamedArray read_array(std::ifstream& file, const Header& header, const std::string& name, const Json& entry) {
    const auto dtype = entry.at("dtype").get<std::string>();
    if (dtype != "F32") {
        throw std::runtime_error(
            fmt::format("array {} is of dtype {}; write it as F32, that is float32", name, dtype));
    }
    NamedArray array{name, entry.at("shape").get<ArrayShape>(), {}};
    const auto begin = entry.at("data_offsets").at(0).get<std::uint64_t>();
    const auto end = entry.at("data_offsets").at(1).get<std::uint64_t>();
    if (begin > end || end > header.data_bytes)
        throw std::runtime_error(
            fmt::format("array {} lies beyond the file's end; copy the file again", name));
    if ((end - begin) % sizeof(float) != 0 || (end - begin) / sizeof(float) != count_of(array.shape)) {
        throw std::runtime_error(fmt::format("array {} of shape {} has {} bytes", name,
                                             array_shape_text(array.shape), end - begin));
    }
    array.values.resize(count_of(array.shape));
    file.seekg(static_cast<std::streamoff>(header.data_offset + begin));
    file.read(reinterpret_cast<char*>(array.values.data()), static_cast<std::streamsize>(end - begin));
    if (!file) throw std::runtime_error(fmt::format("array {} cannot be read; check the disk", name));
    return array;
}

}  // namespace

ArrayFile read_safetensors(const std::filesystem::path& path, bool metadata_alone) {
    std::ifstream file(path, std::ios::binary);
    const Header header = read_header(file);
    ArrayFile read;
    std::uint64_t bytes = 0;  // that the arrays claim, which may not be those of others
    try {
        for (const auto& [name, entry] : header.entries.items()) {
            if (name == "__metadata__") {
                read.metadata = entry;
            } else if (!metadata_alone) {
                read.arrays.push_back(read_array(file, header, name, entry));
                bytes += read.arrays.back().values.size() * sizeof(float);
                if (bytes > header.data_bytes) throw std::runtime_error("its arrays lie over each other");
            }
        }
    } catch (const Json::exception& error) {
        throw std::runtime_error(fmt::format("its header is none of safetensors: {}", error.what()));
    }
    return read;
}

}  // namespace lockstep
