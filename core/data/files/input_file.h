// A data file, plain or gzipped, read from front to back with every damage reported.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace lockstep {

/// Reads a file's content; what begins as gzip is decompressed, all of its members, with zeros behind them as
/// tapes leave them. Throws DataError for a file that is missing, is not a regular file, cannot be read, is a
/// truncated or corrupted gzip or one with anything else between or behind its members, is compressed twice,
/// or is an archive; the message names the file and the offset.
class InputFile {
  public:
    explicit InputFile(std::filesystem::path path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    /// Fills `to` from where the last read ended; returns how much, which is less than asked only at the end.
    /// A gzip's checksum is compared when the end is reached, so a reader that wants it goes one byte
    /// further.
    std::size_t read(std::span<char> to);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Bytes of content read so far.
    [[nodiscard]] std::uint64_t offset() const { return offset_; }

  private:
    class Bytes;
    class Members;

    std::filesystem::path path_;
    std::unique_ptr<Bytes> bytes_;
    std::unique_ptr<Members> members_;  // none: the file is plain
    std::uint64_t offset_ = 0;
};

/// Notes that this process reads the file, which an InputFile does by itself.
void remember_read(const std::filesystem::path& file);
/// Whether this process has read the file, under that name or another.
bool was_read(const std::filesystem::path& file);

}  // namespace lockstep
