// The reader of models in NumPy's .npz files.
#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/data/arrays/npy_reader.h"
#include "core/data/arrays/zip_file.h"
#include "launcher/exchange/array_file.h"
#include "launcher/files/parse_json.h"

namespace lockstep {

namespace {

/// Puts values whose first index runs fastest in row-major order.
void turn(NamedArray& array) {
    if (array.shape.size() > 2) {
        throw std::runtime_error(
            fmt::format("array {}: it has more than two indices and is in Fortran order", array.name));
    }
    const std::size_t rows = array.shape[0];
    const std::size_t cols = array.shape[1];
    std::vector<float> turned(array.values.size());
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) turned[r * cols + c] = array.values[c * rows + r];
    }
    array.values = std::move(turned);
}

/// The array of a member of so many bytes. `where` names archive and array where its form is wrong.
NamedArray read_array(std::string name, const ReadBytes& read, std::uint64_t bytes,
                      const std::string& where) {
    NpyHeader header = read_npy_header(read, where);
    if (header.type != "<f4") {
        throw std::runtime_error(
            fmt::format("array {}: it is of dtype '{}'; write it as float32, as in array.astype('<f4')", name,
                        header.type));
    }
    NamedArray array{std::move(name), std::move(header.shape), {}};
    // Of no shape is more believed than the archive has.
    const std::size_t count = count_of(array.shape);
    const bool may_fit = count <= bytes / sizeof(float);
    if (may_fit) array.values.resize(count);
    const auto values = std::as_writable_bytes(std::span(array.values));
    char more = 0;
    if (!may_fit || read({reinterpret_cast<char*>(values.data()), values.size()}) < values.size() ||
        read({&more, 1}) > 0) {
        throw std::runtime_error(fmt::format("array {}: its member has {} bytes, but a shape of {}",
                                             array.name, bytes, array_shape_text(array.shape)));
    }
    if (header.fortran_order) turn(array);
    return array;
}

}  // namespace

ArrayFile read_npz(const std::filesystem::path& path, bool metadata_alone) {
    ZipFile zip(path);
    ArrayFile read;
    if (is_json(zip.comment())) read.metadata = parse_json<nlohmann::json>(zip.comment());
    if (metadata_alone) return read;
    for (const ZipFile::Entry& entry : zip.entries()) {
        std::string name = entry.name;
        if (name.ends_with(".npy")) name.resize(name.size() - 4);
        const std::string where = fmt::format("{}: array {}", path.string(), name);
        zip.read(entry, [&](const ReadBytes& bytes) {
            read.arrays.push_back(read_array(std::move(name), bytes, entry.bytes, where));
        });
    }
    return read;
}

}  // namespace lockstep
