// Where a path that is to be written leads to, found out before the work that makes its content.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/base/error.h"

namespace lockstep {

/// A regular file is replaced by a new one; whatever else there is gets written to.
struct OutputTarget {
    std::filesystem::path path;  ///< with the links at its end followed
    int descriptor = -1;         ///< of this process, where the path names one, as /dev/stdout does
    std::optional<struct ::stat> existing;  ///< what is there now
    /// Whether it is written into as it is: a pipe, a device, an open descriptor.
    [[nodiscard]] bool written_into() const;
};

/// Follows the links of `path`, also one that leads to nothing yet. Throws an Error of the code for a folder,
/// a disk, a loop of links and what the system refuses to look at. The folder of a file that is not there is
/// not looked at.
OutputTarget resolve_output(const std::filesystem::path& path, ExitCode failure);

/// Throws ConfigError, naming `path` as that of --out, where it cannot be written, or where it is a file that
/// this command reads: one of `inputs`, or one that an InputFile of this process has read; and with `json`,
/// which has the standard output for itself, where it goes there. Leaves nothing behind.
void check_output(const std::filesystem::path& path, std::span<const std::filesystem::path> inputs,
                  bool json);

/// Prints a remark on what was written to `path`: to standard error where that went to standard output.
void print_beside(const std::filesystem::path& path, const std::string& text);

/// The message of an output that cannot be written, as the error of that code.
[[noreturn]] void throw_output_error(ExitCode failure, const std::string& message);

}  // namespace lockstep
