#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "launcher/exchange/array_file.h"
#include "launcher/exchange/export_formats.h"
#include "launcher/exchange/metadata.h"
#include "launcher/files/atomic_file.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

/// Little-endian integers one behind the other.
template <std::unsigned_integral... T>
std::string packed(T... values) {
    std::string bytes;
    (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
    return bytes;
}

/// What a local header and the central directory both say of a member.
struct Member {
    std::string name;
    std::string npy_header;
    std::span<const float> values;
    std::uint32_t crc = 0;
    std::uint32_t bytes = 0;
    std::uint32_t offset = 0;  // of the local header
};

std::string npy_header(const ArrayView& array) {
    std::string description = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}",
                                          array_shape_text(array.shape));
    // Magic, version and length take 10 bytes; the whole header ends in a newline at a multiple of 64.
    constexpr std::size_t kBefore_bytes = 10;
    const std::size_t whole = (kBefore_bytes + description.size() + 1 + 63) / 64 * 64;
    description.resize(whole - kBefore_bytes - 1, ' ');
    return "\x93NUMPY" +
           packed(std::uint8_t{1}, std::uint8_t{0}, static_cast<std::uint16_t>(description.size() + 1)) +
           description + "\n";
}

std::uint32_t crc_of(std::uint32_t crc, std::span<const std::byte> bytes) {
    return static_cast<std::uint32_t>(
        ::crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Stored, not compressed: trained weights hardly shrink. The date is the format's first, so that equal models
// give equal archives.
constexpr std::uint16_t kZipVersion = 20;
constexpr std::uint16_t kFlags = 0;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kTime = 0;
constexpr std::uint16_t kDate = 0x0021;
constexpr std::uint16_t kNone = 0;

std::string common_fields(const Member& member) {
    return packed(kZipVersion, kFlags, kStored, kTime, kDate, member.crc, member.bytes, member.bytes,
                  static_cast<std::uint16_t>(member.name.size()), kNone);
}

std::string local_header(const Member& member) {
    return packed(std::uint32_t{0x04034b50}) + common_fields(member) + member.name;
}

std::string directory_entry(const Member& member) {
    return packed(std::uint32_t{0x02014b50}, kZipVersion) + common_fields(member) +
           packed(kNone, kNone, kNone, std::uint32_t{0}, member.offset) + member.name;
}

std::string end_of_directory(std::size_t members, std::uint32_t directory_bytes,
                             std::uint32_t directory_offset, const std::string& comment) {
    const auto count = static_cast<std::uint16_t>(members);
    return packed(std::uint32_t{0x06054b50}, kNone, kNone, count, count, directory_bytes, directory_offset,
                  static_cast<std::uint16_t>(comment.size())) +
           comment;
}

std::vector<Member> members_of(const Model& model) {
    std::vector<Member> members;
    for (const ArrayView& array : arrays_of(model)) {
        Member member{.name = array.name + ".npy", .npy_header = npy_header(array), .values = array.values};
        member.crc =
            crc_of(crc_of(0, std::as_bytes(std::span(member.npy_header))), std::as_bytes(member.values));
        member.bytes = static_cast<std::uint32_t>(member.npy_header.size() + member.values.size_bytes());
        members.push_back(std::move(member));
    }
    return members;
}

/// A plain zip file counts bytes in 32 bits, and members and the bytes of its comment in 16.
void check_fits_zip(const std::filesystem::path& path, const Model& model, const std::string& comment) {
    std::uint64_t bytes = 0;
    constexpr std::uint64_t kMostHeaders_bytes = 1024;
    const std::vector<ArrayView> arrays = arrays_of(model);
    for (const ArrayView& array : arrays) bytes += array.values.size_bytes() + kMostHeaders_bytes;
    if (bytes + comment.size() > std::numeric_limits<std::uint32_t>::max() ||
        std::max(arrays.size(), comment.size()) > std::numeric_limits<std::uint16_t>::max()) {
        throw ConfigError(
            fmt::format("{}: the model is too large for an npz file of at most 4 GiB; use "
                        "--format safetensors",
                        path.string()));
    }
}

}  // namespace

void write_npz(const std::filesystem::path& path, const Model& model) {
    const std::string comment = json_text(metadata_of(model.record));
    check_fits_zip(path, model, comment);
    std::vector<Member> members = members_of(model);
    AtomicFile file(path, ExitCode::kUsage);
    std::uint32_t offset = 0;
    for (Member& member : members) {
        member.offset = offset;
        const std::string header = local_header(member);
        file.write(header);
        file.write(member.npy_header);
        file.write(std::as_bytes(member.values));
        offset += static_cast<std::uint32_t>(header.size()) + member.bytes;
    }
    std::string directory;
    for (const Member& member : members) directory += directory_entry(member);
    file.write(directory);
    file.write(
        end_of_directory(members.size(), static_cast<std::uint32_t>(directory.size()), offset, comment));
    file.commit();
}

}  // namespace lockstep
