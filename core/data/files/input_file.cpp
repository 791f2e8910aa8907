// Plain and gzipped files through zlib's gz functions, their error codes turned into messages.
#include "core/data/files/input_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/error.h"

namespace lockstep {

namespace {

// Eight times zlib's default: fewer system calls, still within the second-level cache.
constexpr unsigned kBuffer_bytes = 64U << 10;
// gzread counts in unsigned and returns int.
constexpr std::size_t kMostPerCall_bytes = std::size_t{1} << 30;

}  // namespace

void InputFile::Close::operator()(gzFile_s* file) const noexcept { gzclose_r(file); }

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path_, error);
    if (!std::filesystem::exists(status)) {
        throw DataError(fmt::format("{}: no such file; check data.dir and the file's name", path_.string()));
    }
    if (std::filesystem::is_directory(status)) {
        throw DataError(fmt::format("{}: is a folder, expected a file; check data.dir and the file's name",
                                    path_.string()));
    }
    errno = 0;
    file_.reset(gzopen(path_.c_str(), "rb"));
    if (!file_) {
        throw DataError(fmt::format("{}: cannot be opened: {}; check that you may read it", path_.string(),
                                    std::strerror(errno)));
    }
    gzbuffer(file_.get(), kBuffer_bytes);
}

std::size_t InputFile::read(std::span<char> to) {
    std::size_t done = 0;
    while (done < to.size()) {
        const std::size_t asked = std::min(to.size() - done, kMostPerCall_bytes);
        const int got = gzread(file_.get(), to.data() + done, static_cast<unsigned>(asked));
        if (got > 0) {
            done += static_cast<std::size_t>(got);
            offset_ += static_cast<std::size_t>(got);
        }
        if (got < 0 || static_cast<std::size_t>(got) < asked) {
            throw_damage();
            break;
        }
    }
    return done;
}

void InputFile::throw_damage() const {
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    if (code == Z_OK || code == Z_STREAM_END) return;
    const std::string where =
        fmt::format("{}: byte {} ({} of the content)", path_.string(), gzoffset(file_.get()), offset_);
    switch (code) {
        case Z_BUF_ERROR:
            throw DataError(
                fmt::format("{}: the gzip file is truncated, expected more; fetch it again", where));
        case Z_ERRNO:
            throw DataError(fmt::format("{}: cannot be read: {}", where, std::strerror(errno)));
        case Z_MEM_ERROR:
            throw std::bad_alloc();
        default:
            throw DataError(fmt::format("{}: the gzip file is corrupted ({}); fetch it again", where, text));
    }
}

}  // namespace lockstep
