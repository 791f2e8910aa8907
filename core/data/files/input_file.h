// A data file, plain or gzipped, read from front to back with every damage reported.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

struct gzFile_s;

namespace lockstep {

/// Reads a file's content; what begins as gzip is decompressed. Throws DataError for a file that is missing,
/// is not a regular file, cannot be read, or is a truncated or corrupted gzip; the message names the file and
/// the offset.
class InputFile {
  public:
    explicit InputFile(std::filesystem::path path);

    /// Fills `to` from where the last read ended; returns how much, which is less than asked only at the end.
    /// A gzip's checksum is compared when the end is reached, so a reader that wants it goes one byte
    /// further.
    std::size_t read(std::span<char> to);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Bytes of content read so far.
    [[nodiscard]] std::uint64_t offset() const { return offset_; }

  private:
    void throw_damage() const;

    struct Close {
        void operator()(gzFile_s* file) const noexcept;
    };
    std::filesystem::path path_;
    std::unique_ptr<gzFile_s, Close> file_;
    std::uint64_t offset_ = 0;
};

}  // namespace lockstep
