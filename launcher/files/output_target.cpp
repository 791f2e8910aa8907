#include "launcher/files/output_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/number.h"
#include "core/data/files/input_file.h"
#include "launcher/files/atomic_file.h"
#include "launcher/run/printing.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

// As many as the kernel follows.
constexpr int kMostLinks = 40;

std::optional<struct ::stat> status_of(const fs::path& path) {
    struct ::stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return status;
}

bool same_file(const struct ::stat& a, const struct ::stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// The descriptor N that /proc/self/fd/N names; -1 for any other path.
int named_descriptor(const fs::path& path) {
    const auto number = parse_number<int>(path.filename().string());
    if (!number || *number < 0) return -1;
    const auto folder = status_of(path.parent_path());
    const auto descriptors = status_of("/proc/self/fd");
    return folder && descriptors && same_file(*folder, *descriptors) ? *number : -1;
}

/// Whether what is written there goes where the standard output goes.
bool is_standard_output(const OutputTarget& target) {
    struct ::stat status {};
    if (!target.existing || ::fstat(STDOUT_FILENO, &status) != 0) return false;
    // /dev/null and its like keep nothing that could be mixed up.
    const bool keeps_nothing = S_ISCHR(status.st_mode) && ::isatty(STDOUT_FILENO) == 0;
    return target.written_into() && same_file(*target.existing, status) && !keeps_nothing;
}

[[noreturn]] void refuse(const fs::path& path, ExitCode failure, const std::string& why) {
    throw_output_error(failure, fmt::format("cannot write {}: {}", path.string(), why));
}

}  // namespace

bool OutputTarget::written_into() const {
    return descriptor >= 0 || (existing && !S_ISREG(existing->st_mode));
}

void throw_output_error(ExitCode failure, const std::string& message) {
    if (failure == ExitCode::kCheckpoint) throw CheckpointError(message);
    throw ConfigError(message);
}

OutputTarget resolve_output(const fs::path& path, ExitCode failure) {
    if (!path.has_filename()) refuse(path, failure, "it is no file's name; name a file");
    OutputTarget target{path, -1, {}};
    for (int links = 0;; ++links) {
        target.descriptor = named_descriptor(target.path);
        if (target.descriptor >= 0) break;
        std::array<char, 4096> link{};
        const ssize_t length = ::readlink(target.path.c_str(), link.data(), link.size());
        if (length < 0) break;
        if (links == kMostLinks) refuse(path, failure, std::strerror(ELOOP));
        target.path = target.path.parent_path() / std::string(link.data(), static_cast<std::size_t>(length));
    }
    struct ::stat status {};
    const int found =
        target.descriptor >= 0 ? ::fstat(target.descriptor, &status) : ::stat(target.path.c_str(), &status);
    if (found == 0) {
        target.existing = status;
    } else if (errno != ENOENT || target.descriptor >= 0) {
        refuse(path, failure, fmt::format("{}; name another file", std::strerror(errno)));
    }
    if (found == 0 && S_ISDIR(status.st_mode)) refuse(path, failure, "it is a folder; name a file");
    if (found == 0 && S_ISBLK(status.st_mode)) refuse(path, failure, "it is a disk; name a file");
    if (found == 0 && S_ISSOCK(status.st_mode) && target.descriptor < 0)
        refuse(path, failure, "it is a socket; name a file");
    return target;
}

void check_output(const fs::path& path, std::span<const fs::path> inputs, bool json) {
    constexpr ExitCode kCode = ExitCode::kUsage;
    const OutputTarget target = resolve_output(path, kCode);
    const auto say = [&](const std::string& why) { refuse(path, kCode, why); };
    if (json && is_standard_output(target))
        say("--json has the standard output for itself; name another file, or leave --json out");
    if (target.existing && S_ISREG(target.existing->st_mode)) {
        for (const fs::path& input : inputs) {
            const auto status = status_of(input);
            if (status && same_file(*status, *target.existing))
                say(fmt::format("this command reads it, as {}; name another file", input.string()));
        }
        if (was_read(target.path)) say("this command reads it; name another file");
    }
    if (target.descriptor >= 0) {
        if ((::fcntl(target.descriptor, F_GETFL) & O_ACCMODE) == O_RDONLY)
            say("it is open for reading alone; name another file");
        return;
    }
    if (target.existing && ::faccessat(AT_FDCWD, target.path.c_str(), W_OK, AT_EACCESS) != 0)
        say(fmt::format("{}; name another file", std::strerror(errno)));
    // Whether a file can be made in the folder is known by making one.
    if (!target.written_into()) const AtomicFile made(path, kCode);
}

void print_beside(const fs::path& path, const std::string& text) {
    write_text(is_standard_output(resolve_output(path, ExitCode::kUsage)) ? stderr : stdout, printable(text));
}

}  // namespace lockstep
