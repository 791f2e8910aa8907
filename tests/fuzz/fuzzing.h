// What the fuzz targets share: the input as a file, and which outcomes are none to report.
//
// A target gives arbitrary bytes to one reader. The reader takes them or throws an Error, which tells the
// user what is wrong. Whatever else happens is a finding: another exception, a report of a sanitizer, more
// memory than the limits of scripts/fuzz.sh, no end.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"

namespace lockstep::fuzz {

using Input = std::span<const std::uint8_t>;

inline std::string_view as_text(Input input) {
    return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// The bytes of `text` up to the first zero, which are taken off it with the zero.
inline std::string_view take_piece(std::string_view& text) {
    const std::size_t end = text.find('\0');
    const std::string_view piece = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return piece;
}

/// A file that lies in memory alone, with a path like any other while the object lives.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view content) : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
        if (descriptor_ < 0 ||
            ::write(descriptor_, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            std::abort();
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    [[nodiscard]] std::filesystem::path path() const {
        return "/proc/self/fd/" + std::to_string(descriptor_);
    }

  private:
    int descriptor_;
};

/// Runs `read`, which may refuse its input.
template <class Read>
void try_to(Read&& read) {
    try {
        std::forward<Read>(read)();
    } catch (const Error&) {
        // The user is told.
    }
}

/// What a target defines.
void read_input(Input input);

}  // namespace lockstep::fuzz
