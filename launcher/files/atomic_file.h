// Writes a file whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace lockstep {

/// A file that appears under its name only when it is complete and on the disk: written as `path`.part in the
/// same folder, fsynced, renamed, the folder fsynced. Without commit() the part is removed and an older file
/// stays. All functions throw CheckpointError naming the file and the system's reason.
class AtomicFile {
  public:
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
    /// Makes the file appear. Nothing may be written afterwards.
    void commit();

  private:
    [[noreturn]] void fail(std::string_view action) const;

    std::filesystem::path path_;
    std::filesystem::path part_;
    int descriptor_ = -1;
};

}  // namespace lockstep
