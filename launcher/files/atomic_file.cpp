#include "launcher/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace lockstep {

namespace {
// Linux writes at most 2 GiB - 4 KiB in one call.
constexpr std::size_t kMostPerWrite_bytes = std::size_t{1} << 30;
}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), part_(path_.string() + ".part") {
    descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("create");
}

AtomicFile::~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(part_.c_str());
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
    if (::fsync(descriptor_) != 0) fail("write");
    if (::rename(part_.c_str(), path_.c_str()) != 0) fail("rename");
    // From here on the file is in place: the destructor has nothing to remove.
    ::close(std::exchange(descriptor_, -1));
    const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
    const int folder_descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_descriptor < 0) fail("sync the folder of");
    const int synced = ::fsync(folder_descriptor);
    // Some network file systems cannot sync a folder and say EINVAL; the rename is all they offer.
    const bool failed = synced != 0 && errno != EINVAL;
    const int reason = errno;
    ::close(folder_descriptor);
    errno = reason;
    if (failed) fail("sync the folder of");
}

void AtomicFile::fail(std::string_view action) const {
    const int reason = errno;
    throw CheckpointError(
        fmt::format("cannot {} {}: {}; check the folder, its permissions and the free space", action,
                    path_.string(), std::strerror(reason)));
}

}  // namespace lockstep
