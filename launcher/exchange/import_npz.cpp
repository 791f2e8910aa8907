// The reader of NumPy's .npz files.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/number.h"
#include "launcher/exchange/array_file.h"
#include "launcher/files/parse_json.h"

namespace lockstep {

namespace {

constexpr std::string_view kCopyAgain = "copy the file again";

/// An unsigned number of the format, which is little-endian as we are.
template <class T>
T number_at(std::string_view bytes, std::uint64_t offset) {
    if (offset > bytes.size() || sizeof(T) > bytes.size() - offset)
        throw std::runtime_error(fmt::format("it ends within its directory; {}", kCopyAgain));
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string_view part_of(std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
    if (offset > bytes.size() || size > bytes.size() - offset)
        throw std::runtime_error(fmt::format("a part of it lies beyond its end; {}", kCopyAgain));
    return bytes.substr(offset, size);
}

/// Where the record "end of central directory" is: behind it comes a comment of as many bytes as it says.
std::size_t end_of_directory(std::string_view bytes) {
    constexpr std::size_t kRecord_bytes = 22;
    constexpr std::string_view kSignature("PK\x05\x06", 4);
    for (std::size_t at = bytes.rfind(kSignature); at != std::string_view::npos;
         at = at == 0 ? std::string_view::npos : bytes.rfind(kSignature, at - 1)) {
        if (at + kRecord_bytes <= bytes.size() &&
            at + kRecord_bytes + number_at<std::uint16_t>(bytes, at + 20) == bytes.size())
            return at;
    }
    throw std::runtime_error(fmt::format("its directory is missing; {}", kCopyAgain));
}

/// A member as the central directory has it.
struct Member {
    std::string_view name;
    std::uint16_t method = 0;
    std::uint32_t crc = 0;
    std::uint32_t packed_bytes = 0;
    std::uint32_t bytes = 0;
    std::uint32_t offset = 0;  // of its local header
};

std::vector<Member> members_of(std::string_view bytes, std::size_t end) {
    std::vector<Member> members;
    std::size_t at = number_at<std::uint32_t>(bytes, end + 16);
    const auto count = number_at<std::uint16_t>(bytes, end + 10);
    for (std::size_t i = 0; i < count; ++i) {
        if (number_at<std::uint32_t>(bytes, at) != 0x02014b50)
            throw std::runtime_error(fmt::format("its directory is damaged; {}", kCopyAgain));
        const std::size_t name_bytes = number_at<std::uint16_t>(bytes, at + 28);
        members.push_back({.name = part_of(bytes, at + 46, name_bytes),
                           .method = number_at<std::uint16_t>(bytes, at + 10),
                           .crc = number_at<std::uint32_t>(bytes, at + 16),
                           .packed_bytes = number_at<std::uint32_t>(bytes, at + 20),
                           .bytes = number_at<std::uint32_t>(bytes, at + 24),
                           .offset = number_at<std::uint32_t>(bytes, at + 42)});
        constexpr std::uint32_t kInZip64 = 0xFFFFFFFF;
        const Member& member = members.back();
        if (member.packed_bytes == kInZip64 || member.bytes == kInZip64 || member.offset == kInZip64)
            throw std::runtime_error("it has more than 4 GiB; write it as safetensors");
        at += 46 + name_bytes + number_at<std::uint16_t>(bytes, at + 30) +
              number_at<std::uint16_t>(bytes, at + 32);
    }
    return members;
}

std::string inflated(std::string_view packed, std::size_t bytes) {
    // Deflate makes no more than this of a byte; what claims more is damaged, and is given no memory.
    constexpr std::size_t kMostOfByte = 1032;
    if (bytes / kMostOfByte > packed.size()) return {};
    std::string text(bytes, '\0');
    ::z_stream stream{};
    // Negative: raw, without zlib's own header.
    if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(text.data());
    stream.avail_out = static_cast<uInt>(text.size());
    const int result = ::inflate(&stream, Z_FINISH);
    const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
    ::inflateEnd(&stream);
    return whole ? text : std::string();
}

std::string content_of(std::string_view bytes, const Member& member) {
    const std::size_t header_bytes = 30 + number_at<std::uint16_t>(bytes, member.offset + std::uint64_t{26}) +
                                     number_at<std::uint16_t>(bytes, member.offset + std::uint64_t{28});
    const std::string_view packed = part_of(bytes, member.offset + header_bytes, member.packed_bytes);
    constexpr std::uint16_t kStored = 0;
    constexpr std::uint16_t kDeflated = 8;
    if (member.method != kStored && member.method != kDeflated)
        throw std::runtime_error(
            fmt::format("{} is compressed in a way that numpy does not use", member.name));
    std::string content = member.method == kStored ? std::string(packed) : inflated(packed, member.bytes);
    if (content.size() != member.bytes ||
        ::crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()) != member.crc)
        throw std::runtime_error(fmt::format("{} is damaged; {}", member.name, kCopyAgain));
    return content;
}

/// What stands behind 'name': in the dictionary of a .npy header, up to the bracket or comma that ends it.
std::string_view entry_of(std::string_view dictionary, std::string_view name) {
    const std::string key = fmt::format("'{}':", name);
    const std::size_t at = dictionary.find(key);
    if (at == std::string_view::npos) throw std::runtime_error(fmt::format("its header has no {}", name));
    std::string_view rest = dictionary.substr(at + key.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::size_t end = rest.starts_with('(') ? rest.find(')') : rest.find_first_of(",}");
    return rest.substr(0, end);
}

/// "(784, 10", "(10,", "(".
ArrayShape shape_of(std::string_view text) {
    ArrayShape shape;
    for (text.remove_prefix(std::min<std::size_t>(1, text.size())); !text.empty();) {
        const std::size_t end = std::min(text.find(','), text.size());
        std::string_view word = text.substr(0, end);
        word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
        if (!word.empty()) {
            const auto size = parse_number<std::size_t>(word);
            if (!size) throw std::runtime_error(fmt::format("its header has a size of '{}'", word));
            shape.push_back(*size);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return shape;
}

/// Values whose first index runs fastest, as a row-major array.
std::vector<float> row_major(const std::vector<float>& values, const ArrayShape& shape) {
    if (shape.size() < 2) return values;
    if (shape.size() > 2) throw std::runtime_error("it has more than two indices and is in Fortran order");
    std::vector<float> rows(values.size());
    for (std::size_t r = 0; r < shape[0]; ++r) {
        for (std::size_t c = 0; c < shape[1]; ++c) rows[r * shape[1] + c] = values[c * shape[0] + r];
    }
    return rows;
}

/// Throws what is wrong, to stand behind the array's name.
NamedArray array_of(std::string name, std::string_view npy) {
    constexpr std::string_view kMagic("\x93NUMPY", 6);
    if (!npy.starts_with(kMagic)) throw std::runtime_error("it is no .npy file");
    const bool first_version = number_at<std::uint8_t>(npy, 6) == 1;
    const std::size_t begin = first_version ? 10 : 12;
    const std::size_t bytes =
        first_version ? number_at<std::uint16_t>(npy, 8) : number_at<std::uint32_t>(npy, 8);
    const std::string_view dictionary = part_of(npy, begin, bytes);
    if (const std::string_view type = entry_of(dictionary, "descr"); type != "'<f4'") {
        throw std::runtime_error(
            fmt::format("it is of dtype {}; write it as float32, as in array.astype('<f4')", type));
    }
    NamedArray array{std::move(name), shape_of(entry_of(dictionary, "shape")), {}};
    const std::string_view values = npy.substr(begin + bytes);
    if (values.size() % sizeof(float) != 0 || values.size() / sizeof(float) != count_of(array.shape)) {
        throw std::runtime_error(
            fmt::format("it has {} bytes, but a shape of {}", values.size(), array_shape_text(array.shape)));
    }
    array.values.resize(count_of(array.shape));
    if (!values.empty()) std::memcpy(array.values.data(), values.data(), values.size());
    if (entry_of(dictionary, "fortran_order") == "True") array.values = row_major(array.values, array.shape);
    return array;
}

}  // namespace

ArrayFile read_npz(const std::filesystem::path& path, bool metadata_alone) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    const std::string_view bytes = content;
    const std::size_t end = end_of_directory(bytes);
    ArrayFile read;
    if (const std::string_view comment = bytes.substr(end + 22); is_json(comment))
        read.metadata = parse_json<nlohmann::json>(comment);
    if (metadata_alone) return read;
    for (const Member& member : members_of(bytes, end)) {
        std::string name(member.name);
        if (name.ends_with(".npy")) name.resize(name.size() - 4);
        try {
            read.arrays.push_back(array_of(name, content_of(bytes, member)));
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(fmt::format("array {}: {}", name, error.what()));
        }
    }
    return read;
}

}  // namespace lockstep
