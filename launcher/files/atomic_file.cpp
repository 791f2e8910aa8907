#include "launcher/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <random>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace lockstep {

namespace {
// Linux writes at most 2 GiB - 4 KiB in one call.
constexpr std::size_t kMostPerWrite_bytes = std::size_t{1} << 30;

constexpr std::string_view kPartBegins = ".lockstep-";
constexpr std::string_view kPartEnds = ".part";
}  // namespace

bool sync_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return false;
    // EINVAL: this file system cannot sync a folder.
    const bool synced = ::fsync(descriptor) == 0 || errno == EINVAL;
    const int reason = errno;
    ::close(descriptor);
    errno = reason;
    return synced;
}

AtomicFile::AtomicFile(std::filesystem::path path, ExitCode failure)
    : path_(std::move(path)), failure_(failure), target_(resolve_output(path_, failure)) {
    if (target_.descriptor >= 0) {
        descriptor_ = ::fcntl(target_.descriptor, F_DUPFD_CLOEXEC, 3);
    } else if (target_.written_into()) {
        descriptor_ = ::open(target_.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
    } else {
        open_part();
    }
    if (descriptor_ < 0) fail("create");
}

/// A name that no other file has, and short, so that it fits wherever the file's own does. Neither a file nor
/// a link of that name is followed or overwritten.
void AtomicFile::open_part() {
    constexpr int kTries = 100;
    std::random_device random;
    for (int tries = 0; tries < kTries; ++tries) {
        part_ = folder() / fmt::format("{}{:08x}{:08x}{}", kPartBegins, random(), random(), kPartEnds);
        descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (descriptor_ >= 0 && !hold_part()) {
            ::close(std::exchange(descriptor_, -1));
            continue;
        }
        if (descriptor_ >= 0 || errno != EEXIST) return;
    }
}

/// A lock tells that somebody still writes it. False where the file was taken for abandoned before it had
/// one.
bool AtomicFile::hold_part() const {
    struct ::stat status {};
    return ::flock(descriptor_, LOCK_EX) != 0 || ::fstat(descriptor_, &status) != 0 || status.st_nlink > 0;
}

AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!part_.empty()) ::unlink(part_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written =
            ::write(descriptor_, bytes.data(), std::min(bytes.size(), kMostPerWrite_bytes));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

void AtomicFile::commit() {
    if (part_.empty()) {
        if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
        return;
    }
    keep_mode_and_owner();
    if (::fsync(descriptor_) != 0) fail("write");
    if (::rename(part_.c_str(), target_.path.c_str()) != 0) fail("rename");
    // From here on the file is in place: the destructor has nothing to remove.
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("write");
    if (!sync_folder(folder())) fail("sync the folder of");
}

void AtomicFile::keep_mode_and_owner() const {
    if (!target_.existing) return;
    const auto& old = *target_.existing;
    // Root alone may give a file away. Who may not has a file of his own, and no set-user bit on it.
    const bool given = old.st_uid == ::geteuid() || ::fchown(descriptor_, old.st_uid, old.st_gid) == 0;
    const bool grouped = ::fchown(descriptor_, static_cast<uid_t>(-1), old.st_gid) == 0;
    const mode_t kept = given && grouped ? 07777 : 0777;
    // Some file systems have no modes; then there was none to keep.
    static_cast<void>(::fchmod(descriptor_, old.st_mode & kept));
}

std::filesystem::path AtomicFile::folder() const {
    return target_.path.has_parent_path() ? target_.path.parent_path() : ".";
}

void AtomicFile::fail(std::string_view action) const {
    const int reason = errno;
    const std::string link =
        target_.path == path_ ? "" : fmt::format(", which leads to {}", target_.path.string());
    throw_output_error(failure_,
                       fmt::format("cannot {} {}{}: {}; check the folder, its permissions and the free space",
                                   action, path_.string(), link, std::strerror(reason)));
}

void write_file(const std::filesystem::path& path, std::string_view text, ExitCode failure) {
    AtomicFile file(path, failure);
    file.write(text);
    file.commit();
}

void remove_abandoned_parts(const std::filesystem::path& folder) noexcept {
    try {
        std::error_code error;
        for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            const std::string name = entry->path().filename().string();
            if (!name.starts_with(kPartBegins) || !name.ends_with(kPartEnds)) continue;
            const int part = ::open(entry->path().c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
            if (part < 0) continue;
            if (::flock(part, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
            ::close(part);
        }
    } catch (const std::exception&) {
        return;  // out of memory: what is left does no harm
    }
}

}  // namespace lockstep
