// Plain and gzipped files. zlib's inflate is called member by member, because its gzread takes whatever
// follows a member and is no other for the end of the file, and so loses samples without a word.
#include "core/data/files/input_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace lockstep {

namespace {

// Few system calls, still within the second-level cache.
constexpr std::size_t kBlock_bytes = std::size_t{64} << 10;
// inflate counts in unsigned.
constexpr std::size_t kMostPerCall_bytes = std::size_t{1} << 30;
constexpr std::string_view kGzipMagic("\x1f\x8b", 2);

struct Kind {
    std::string_view magic;
    std::string_view name;
    std::string_view remedy;
};
constexpr std::array kOtherKinds{
    Kind{"PK\x03\x04", "a ZIP archive", "unpack it, or, if numpy wrote it, read it by data.source = npz"},
    Kind{"BZh9", "compressed by bzip2", "unpack it, or compress it by gzip"},
    Kind{"\xFD"
         "7zXZ",
         "compressed by xz", "unpack it, or compress it by gzip"},
    Kind{"\x28\xB5\x2F\xFD", "compressed by zstd", "unpack it, or compress it by gzip"},
    Kind{"7z\xBC\xAF", "a 7z archive", "unpack it"},
    Kind{"\x89HDF", "an HDF5 file", "read it by data.source = hdf5, data.file = FILE"},
    Kind{"\x93NUM", "a numpy array", "read it by data.source = npz, data.file = its folder"},
};

/// What tells a file from all others, whatever its names.
using FileIdentity = std::pair<dev_t, ino_t>;

std::optional<FileIdentity> identity_of(const std::filesystem::path& path) {
    struct ::stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return FileIdentity{status.st_dev, status.st_ino};
}

struct FilesRead {
    std::mutex mutex;
    std::set<FileIdentity> files;
};

FilesRead& files_read() {
    static FilesRead read;
    return read;
}

}  // namespace

/// The file's bytes as they lie on the disk, a block of them at a time.
class InputFile::Bytes {
  public:
    explicit Bytes(const std::filesystem::path& path) : path_(path), block_(kBlock_bytes) {
        errno = 0;
        file_.reset(std::fopen(path.c_str(), "rb"));
        if (!file_) {
            throw DataError(fmt::format("{}: cannot be opened: {}; check that you may read it", path.string(),
                                        std::strerror(errno)));
        }
        std::setvbuf(file_.get(), nullptr, _IONBF, 0);
    }

    /// At least `count` bytes that are not taken yet, or all that the file still has.
    std::string_view ahead(std::size_t count) {
        if (end_ - begin_ < count) {
            std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
            end_ += fetch(std::span(block_).subspan(end_));
        }
        return {block_.data() + begin_, end_ - begin_};
    }
    void take(std::size_t count) {
        begin_ += count;
        taken_ += count;
    }

    std::size_t read(std::span<char> to) {
        const std::string_view held = ahead(0).substr(0, to.size());
        std::ranges::copy(held, to.begin());
        take(held.size());
        const std::size_t got = fetch(to.subspan(held.size()));
        taken_ += got;
        return held.size() + got;
    }

    /// Bytes taken so far.
    [[nodiscard]] std::uint64_t offset() const { return taken_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::size_t fetch(std::span<char> to) {
        if (to.empty()) return 0;
        const std::size_t got = std::fread(to.data(), 1, to.size(), file_.get());
        if (got < to.size() && std::ferror(file_.get()) != 0) {
            throw DataError(
                fmt::format("{}: byte {}: cannot be read: {}", path_.string(), taken_, std::strerror(errno)));
        }
        return got;
    }

    struct Close {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };
    const std::filesystem::path& path_;
    std::unique_ptr<std::FILE, Close> file_;
    std::vector<char> block_;
    std::size_t begin_ = 0;  // of what is not taken yet, in block_
    std::size_t end_ = 0;
    std::uint64_t taken_ = 0;
};

/// The content of a gzip file: of its members, one after the other.
class InputFile::Members {
  public:
    explicit Members(Bytes& bytes) : bytes_(bytes) {
        constexpr int kGzipAlone = 15 + 16;
        if (inflateInit2(&stream_, kGzipAlone) != Z_OK) throw std::bad_alloc();
    }
    ~Members() { inflateEnd(&stream_); }
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;

    /// `content`: bytes of content before these, for messages.
    std::size_t read(std::span<char> to, std::uint64_t content) {
        std::size_t done = 0;
        while (done < to.size()) {
            if (ended_ && !next_member()) break;
            const std::string_view input = bytes_.ahead(1);
            if (input.empty())
                fail("the gzip file is truncated, expected more; fetch it again", content + done);
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
            stream_.avail_in = static_cast<uInt>(input.size());
            const std::size_t asked = std::min(to.size() - done, kMostPerCall_bytes);
            stream_.next_out = reinterpret_cast<Bytef*>(to.data() + done);
            stream_.avail_out = static_cast<uInt>(asked);
            const int code = inflate(&stream_, Z_NO_FLUSH);
            bytes_.take(input.size() - stream_.avail_in);
            done += asked - stream_.avail_out;
            if (code == Z_MEM_ERROR) throw std::bad_alloc();
            if (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END) {
                fail(fmt::format("the gzip file is corrupted ({}); fetch it again",
                                 stream_.msg != nullptr ? stream_.msg : "no gzip data"),
                     content + done);
            }
            ended_ = code == Z_STREAM_END;
        }
        return done;
    }

  private:
    /// Goes to the next member, past zeros; false where the file ends.
    bool next_member() {
        std::string_view input;
        while (!(input = bytes_.ahead(kGzipMagic.size())).empty()) {
            const std::size_t zeros = std::min(input.find_first_not_of('\0'), input.size());
            bytes_.take(zeros);
            if (zeros > 0) continue;
            if (!input.starts_with(kGzipMagic)) {
                throw DataError(fmt::format(
                    "{}: byte {}: a gzip member ends before it, and what follows is neither another one nor "
                    "zeros, so that data may be lost; fetch the file again, or unpack what can be and check "
                    "it",
                    bytes_.path().string(), bytes_.offset()));
            }
            inflateReset(&stream_);
            return true;
        }
        return false;
    }

    [[noreturn]] void fail(const std::string& what, std::uint64_t content) const {
        throw DataError(fmt::format("{}: byte {} ({} of the content): {}", bytes_.path().string(),
                                    bytes_.offset(), content, what));
    }

    Bytes& bytes_;
    z_stream stream_{};
    bool ended_ = false;
};

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path_, error);
    if (error == std::errc::no_such_file_or_directory) {
        throw DataError(fmt::format("{}: no such file; check data.dir and the file's name", path_.string()));
    }
    if (!std::filesystem::exists(status)) {
        throw DataError(fmt::format("{}: cannot be opened: {}; check data.dir and the file's name",
                                    path_.string(), error.message()));
    }
    if (std::filesystem::is_directory(status)) {
        throw DataError(fmt::format("{}: is a folder, expected a file; check data.dir and the file's name",
                                    path_.string()));
    }
    bytes_ = std::make_unique<Bytes>(path_);
    const std::string_view head = bytes_->ahead(4);
    for (const Kind& kind : kOtherKinds) {
        if (!head.starts_with(kind.magic)) continue;
        throw DataError(
            fmt::format("{}: is {}, which is not read; {}", path_.string(), kind.name, kind.remedy));
    }
    if (head.starts_with(kGzipMagic)) members_ = std::make_unique<Members>(*bytes_);
    remember_read(path_);
}

void remember_read(const std::filesystem::path& file) {
    const auto identity = identity_of(file);
    if (!identity) return;
    const std::scoped_lock lock(files_read().mutex);
    files_read().files.insert(*identity);
}

bool was_read(const std::filesystem::path& file) {
    const auto identity = identity_of(file);
    const std::scoped_lock lock(files_read().mutex);
    return identity && files_read().files.contains(*identity);
}

InputFile::~InputFile() = default;

std::size_t InputFile::read(std::span<char> to) {
    const std::size_t done = members_ ? members_->read(to, offset_) : bytes_->read(to);
    if (offset_ == 0 && std::string_view(to.data(), done).starts_with(kGzipMagic)) {
        throw DataError(fmt::format(
            "{}: is compressed twice: what it unpacks to is a gzip file again; unpack it once (gunzip)",
            path_.string()));
    }
    offset_ += done;
    return done;
}

}  // namespace lockstep
