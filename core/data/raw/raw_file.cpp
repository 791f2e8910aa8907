#include "core/data/raw/raw_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/data/files/input_file.h"

namespace lockstep {

namespace {

/// Rows that lie one behind the other, also in the memory that they are read into.
struct Run {
    std::uint64_t offset;
    std::span<std::byte> into;
    std::size_t got = 0;
};

// Longer runs gain nothing.
constexpr std::size_t kLongestRun_bytes = std::size_t{1} << 20;

/// What the page cache has of the run.
std::size_t read_cached(int descriptor, const Run& run) {
    const iovec vector{run.into.data(), run.into.size()};
    const ssize_t got = ::preadv2(descriptor, &vector, 1, static_cast<off_t>(run.offset), RWF_NOWAIT);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

}  // namespace

RawFile::RawFile(std::filesystem::path path) : path_(std::move(path)) {
    struct ::stat status {};
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
        throw DataError(
            fmt::format("{}: cannot be opened: {}; check data.file", path_.string(), std::strerror(errno)));
    }
    try {
        if (!S_ISREG(status.st_mode)) {
            throw DataError(fmt::format(
                "{}: is no regular file, so that its rows cannot be read in any order; check data.file",
                path_.string()));
        }
        if (static_cast<std::uint64_t>(status.st_size) < kRawHeader_bytes) {
            throw DataError(
                fmt::format("{}: {} bytes, a raw file of lockstep has at least {}; check data.file",
                            path_.string(), status.st_size, kRawHeader_bytes));
        }
        read_header();
        if (static_cast<std::uint64_t>(status.st_size) != layout_.file_bytes) {
            throw DataError(
                fmt::format("{}: {} bytes, expected {} by its header; it was cut off, or is still being "
                            "written: copy or convert it again",
                            path_.string(), status.st_size, layout_.file_bytes));
        }
        read_tail();
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
    remember_read(path_);
}

RawFile::~RawFile() { ::close(descriptor_); }

void RawFile::read_header() {
    read_at(0, std::as_writable_bytes(std::span(&header_, 1)));
    layout_ = layout_of(header_, path_);
}

void RawFile::read_tail() {
    std::vector<std::byte> first(kRawHeader_bytes);
    read_at(0, first);
    labels_.resize(layout_.labels);
    checksums_.resize(layout_.rows);
    std::vector<std::byte> between(layout_.checksums_offset - layout_.labels_offset -
                                   labels_.size() * sizeof(std::int32_t));
    read_at(layout_.labels_offset, std::as_writable_bytes(std::span(labels_)));
    read_at(layout_.checksums_offset - between.size(), between);
    read_at(layout_.checksums_offset, std::as_writable_bytes(std::span(checksums_)));
    std::array<std::byte, 16> stored{};
    read_at(layout_.digest_offset, stored);
    DigestBuilder digest;
    digest.update(std::span<const std::byte>(first)).update(std::as_bytes(std::span(labels_)));
    digest.update(std::span<const std::byte>(between)).update(std::as_bytes(std::span(checksums_)));
    digest_ = digest.digest().hex();
    if (digest.digest().canonical() != stored) {
        throw DataError(
            fmt::format("{}: its header, labels or checksums are damaged, since its digest is not that of "
                        "them; copy or convert "
                        "it again",
                        path_.string()));
    }
    const auto beyond = std::ranges::find_if(labels_, [&](std::int32_t label) {
        return label < 0 || static_cast<std::uint64_t>(label) >= header_.target_count;
    });
    if (beyond == labels_.end()) return;
    throw DataError(fmt::format("{}: row {}: label {}, expected 0 to {}; convert it again", path_.string(),
                                beyond - labels_.begin(), *beyond, header_.target_count - 1));
}

void RawFile::read_at(std::uint64_t offset, std::span<std::byte> to) const {
    for (std::size_t done = 0; done < to.size();) {
        errno = 0;
        const ssize_t got =
            ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got > 0) {
            done += static_cast<std::size_t>(got);
            continue;
        }
        throw DataError(
            fmt::format("{}: byte {}: {}", path_.string(), offset + done,
                        got == 0 ? std::string("the file ends here: it has become shorter since it was "
                                               "opened; leave it alone while it is read")
                                 : fmt::format("cannot be read: {}", std::strerror(errno))));
    }
}

void RawFile::read_rows(std::span<const std::uint64_t> rows, std::span<std::byte> into) const {
    const std::size_t row_bytes = header_.row_bytes;
    std::vector<Run> runs;
    for (std::size_t i = 0; i < rows.size();) {
        std::size_t count = 1;
        while (i + count < rows.size() && rows[i + count] == rows[i] + count &&
               (count + 1) * row_bytes <= kLongestRun_bytes)
            ++count;
        runs.push_back({offset_of(rows[i]), into.subspan(i * row_bytes, count * row_bytes)});
        i += count;
    }
    for (Run& run : runs) {
        run.got = read_cached(descriptor_, run);
        if (run.got == run.into.size() || runs.size() == 1) continue;
        ::posix_fadvise(descriptor_, static_cast<off_t>(run.offset + run.got),
                        static_cast<off_t>(run.into.size() - run.got), POSIX_FADV_WILLNEED);
    }
    for (const Run& run : runs) read_at(run.offset + run.got, run.into.subspan(run.got));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (row_checksum(into.subspan(i * row_bytes, row_bytes)) == checksums_[rows[i]]) continue;
        const bool tested = rows[i] >= header_.parts[0].rows;
        throw DataError(fmt::format(
            "{}: sample {} of the {} set is not what was written (its checksum differs): the file was "
            "changed or the "
            "disk errs; copy or convert it again",
            path_.string(), rows[i] - (tested ? header_.parts[0].rows : 0), tested ? "test" : "training"));
    }
}

}  // namespace lockstep
