// Writes a file whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "launcher/files/output_target.h"

namespace lockstep {

/// What was made, renamed or removed in the folder stays so after a crash. False where the system refuses,
/// with its reason in errno; some network file systems cannot, and offer no more than that: then true.
bool sync_folder(const std::filesystem::path& folder);

/// A file that appears under its name only when it is complete and on the disk: written under a name of its
/// own in the same folder, fsynced, renamed, the folder fsynced. Without commit() that file is removed and an
/// older one stays. A link is followed and its target replaced; the mode of a file that is replaced is kept,
/// its owner where that is allowed. A pipe, a device or a descriptor (/dev/stdout) is written into as it is.
/// All functions throw an Error that names the file and the system's reason: CheckpointError, or ConfigError
/// where `failure` is kUsage.
class AtomicFile {
  public:
    /// Waits for a reader where `path` is a pipe with a name.
    explicit AtomicFile(std::filesystem::path path, ExitCode failure = ExitCode::kCheckpoint);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
    /// Makes the file appear. Nothing may be written afterwards.
    void commit();

  private:
    void open_part();
    [[nodiscard]] bool hold_part() const;
    void keep_mode_and_owner() const;
    [[nodiscard]] std::filesystem::path folder() const;
    [[noreturn]] void fail(std::string_view action) const;

    std::filesystem::path path_;
    ExitCode failure_;
    OutputTarget target_;
    std::filesystem::path part_;  // empty: written into the target as it is
    int descriptor_ = -1;
};

/// The text as a file, by an AtomicFile.
void write_file(const std::filesystem::path& path, std::string_view text,
                ExitCode failure = ExitCode::kCheckpoint);

/// Removes from a folder what writers have left there that were killed: what no process holds any more.
/// Throws nothing; where the file system has no locks, all of it stays.
void remove_abandoned_parts(const std::filesystem::path& folder) noexcept;

}  // namespace lockstep
