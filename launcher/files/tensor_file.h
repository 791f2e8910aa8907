// The container of a record and the values it describes: versioned, checksummed, written whole or not at all.
//
//   file    := header record padding values trailer
//   header  := magic version:u32 0:u32 record_bytes:u64 file_bytes:u64           32 bytes, little-endian
//   record  := what the values are                                               record_bytes bytes
//   padding := zero bytes up to the next multiple of 64, counted from the start of the file
//   values  := { value:f32 }, little-endian, as they are in memory; their bytes are a multiple of 64
//   trailer := XXH3 128 of all bytes before it, in canonical (big-endian) order  16 bytes
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "launcher/files/atomic_file.h"

namespace lockstep {

/// What tells one kind of such files from another, and what messages say of it.
struct TensorFormat {
    std::array<char, 8> magic;
    std::uint32_t newest_version;  ///< readers read versions 1 to this
    std::string_view kind;         ///< "model"
    std::string_view command;      ///< that writes it: "lockstep train"
    std::string_view remedy;       ///< where it is damaged, besides another copy: "train again"
};

/// A file while it is written, as AtomicFile. Throws CheckpointError naming the file and the reason.
class TensorWriter {
  public:
    /// `value_count` values will be written, a multiple of 16.
    TensorWriter(const std::filesystem::path& path, const TensorFormat& format, std::uint32_t version,
                 std::string_view record, std::size_t value_count);

    void write(std::span<const float> values) { write_bytes(std::as_bytes(values)); }
    /// After all values.
    void commit();

  private:
    void write_bytes(std::span<const std::byte> bytes);

    AtomicFile file_;
    DigestBuilder digest_;
};

/// Reads a file from its beginning to its end. Throws CheckpointError naming the file, the offset, what was
/// expected and what to do, where it is missing, of another kind, of a newer version, truncated or damaged;
/// no count in it is trusted beyond the file's size.
class TensorReader {
  public:
    /// Reads header and record.
    TensorReader(std::filesystem::path path, const TensorFormat& format);

    [[nodiscard]] std::uint32_t version() const { return version_; }
    /// To be believed after finish().
    [[nodiscard]] const std::string& record() const { return record_; }
    [[nodiscard]] static std::uint64_t record_offset();
    [[nodiscard]] std::size_t value_count() const { return value_count_; }
    [[nodiscard]] std::uint64_t values_offset() const { return values_offset_; }
    [[nodiscard]] std::uint64_t file_bytes() const { return size_; }
    /// The next values.
    void read(std::span<float> values) { read_bytes(std::as_writable_bytes(values)); }
    /// After all values: compares the checksum.
    void finish();

    /// "copy the file again, or train again".
    [[nodiscard]] std::string copy_again() const;
    /// Throws CheckpointError: "model PATH: MESSAGE".
    [[noreturn]] void fail(const std::string& message) const;

  private:
    void open();
    void read_bytes(std::span<std::byte> bytes);

    std::filesystem::path path_;
    TensorFormat format_;
    std::ifstream input_;
    std::uint64_t size_ = 0;
    DigestBuilder digest_;
    std::uint32_t version_ = 0;
    std::string record_;
    std::uint64_t values_offset_ = 0;
    std::size_t value_count_ = 0;
};

}  // namespace lockstep
