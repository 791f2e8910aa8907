#include "launcher/files/tensor_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/buffer.h"
#include "core/base/error.h"

namespace lockstep {

namespace {

/// The file's first bytes, in memory as on disk (x86-64 is little-endian).
struct Header {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t zero;
    std::uint64_t record_bytes;
    std::uint64_t file_bytes;
};
static_assert(sizeof(Header) == 32);

using Trailer = std::array<std::byte, 16>;  // of Digest128::canonical

constexpr std::uint64_t offset_behind(std::uint64_t record_bytes) {
    return (sizeof(Header) + record_bytes + kAlignment_bytes - 1) / kAlignment_bytes * kAlignment_bytes;
}

}  // namespace

TensorWriter::TensorWriter(const std::filesystem::path& path, const TensorFormat& format,
                           std::uint32_t version, std::string_view record, std::size_t value_count)
    : file_(path) {
    const std::uint64_t offset = offset_behind(record.size());
    const Header header{.magic = format.magic,
                        .version = version,
                        .zero = 0,
                        .record_bytes = record.size(),
                        .file_bytes = offset + value_count * sizeof(float) + sizeof(Trailer)};
    const std::string padding(offset - sizeof header - record.size(), '\0');
    write_bytes(std::as_bytes(std::span(&header, 1)));
    write_bytes(std::as_bytes(std::span(record)));
    write_bytes(std::as_bytes(std::span(padding)));
}

void TensorWriter::write_bytes(std::span<const std::byte> bytes) {
    digest_.update(bytes);
    file_.write(bytes);
}

void TensorWriter::commit() {
    const Trailer trailer = digest_.digest().canonical();
    file_.write(std::as_bytes(std::span(trailer)));
    file_.commit();
}

TensorReader::TensorReader(std::filesystem::path path, const TensorFormat& format)
    : path_(std::move(path)), format_(format) {
    open();
    Header header{};
    if (size_ < sizeof header) {
        fail(fmt::format("ends at offset {}, but a {}'s header has {} bytes: truncated or no lockstep {}; {}",
                         size_, format_.kind, sizeof header, format_.kind, copy_again()));
    }
    read_bytes(std::as_writable_bytes(std::span(&header, 1)));
    if (header.magic != format_.magic) {
        fail(fmt::format("is no lockstep {}: expected \"{}\" at offset 0; name a file that `{}` wrote",
                         format_.kind, std::string_view(format_.magic.data(), format_.magic.size()),
                         format_.command));
    }
    if (header.version > format_.newest_version) {
        fail(
            fmt::format("has version {} at offset 8, but this program reads versions up to {}; use a newer "
                        "lockstep",
                        header.version, format_.newest_version));
    }
    if (size_ < header.file_bytes) {
        fail(fmt::format("truncated: ends at offset {}, but its header promises {} bytes; {}", size_,
                         header.file_bytes, copy_again()));
    }
    if (header.version == 0 || header.zero != 0 || size_ != header.file_bytes ||
        header.record_bytes > size_ - sizeof header ||
        offset_behind(header.record_bytes) + sizeof(Trailer) > header.file_bytes ||
        (header.file_bytes - sizeof(Trailer)) % kAlignment_bytes != 0) {
        fail(
            fmt::format("damaged header: version {} at offset 8, {} record bytes at offset 16 and {} file "
                        "bytes at offset 24 do not fit a file of {} bytes; {}",
                        header.version, header.record_bytes, header.file_bytes, size_, copy_again()));
    }
    version_ = header.version;
    values_offset_ = offset_behind(header.record_bytes);
    value_count_ = (header.file_bytes - sizeof(Trailer) - values_offset_) / sizeof(float);
    record_.resize(values_offset_ - sizeof header);
    read_bytes(std::as_writable_bytes(std::span(record_)));
    record_.resize(header.record_bytes);
}

std::uint64_t TensorReader::record_offset() { return sizeof(Header); }

void TensorReader::open() {
    const auto refuse = [&](const std::string& why) {
        fail(fmt::format("cannot be read: {}; check the path, or make a {} with `{}`", why, format_.kind,
                         format_.command));
    };
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path_, error);
    if (!std::filesystem::exists(status)) refuse(error ? error.message() : std::strerror(ENOENT));
    if (std::filesystem::is_directory(status)) refuse("is a directory");
    if (!std::filesystem::is_regular_file(status)) refuse("is no regular file");
    size_ = std::filesystem::file_size(path_, error);
    if (!error) input_.open(path_, std::ios::binary);
    if (error || !input_) refuse(error ? error.message() : std::strerror(errno));
}

void TensorReader::read_bytes(std::span<std::byte> bytes) {
    input_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!input_) fail(fmt::format("cannot be read: {}; check the disk", std::strerror(errno)));
    digest_.update(std::span<const std::byte>(bytes));
}

void TensorReader::finish() {
    const Digest128 found = digest_.digest();
    const std::uint64_t offset = size_ - sizeof(Trailer);
    Trailer trailer{};
    read_bytes(std::as_writable_bytes(std::span(trailer)));
    const Digest128 expected = Digest128::from_canonical(trailer);
    if (found == expected) return;
    fail(fmt::format("damaged: bytes 0 to {} have checksum {}, but offset {} says {}; {}", offset - 1,
                     found.hex(), offset, expected.hex(), copy_again()));
}

std::string TensorReader::copy_again() const {
    return fmt::format("copy the file again, or {}", format_.remedy);
}

void TensorReader::fail(const std::string& message) const {
    throw CheckpointError(fmt::format("{} {}: {}", format_.kind, path_.string(), message));
}

}  // namespace lockstep
