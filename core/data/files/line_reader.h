// A text file line by line, in blocks, so that memory does not grow with the file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/files/input_file.h"

namespace lockstep {

/// Lines end with LF or CR LF; the last one may end with the file. UTF-8's byte order mark is skipped. Throws
/// DataError as InputFile does, for UTF-16, and for a line above 256 MiB.
class LineReader {
  public:
    /// A line's text is followed by CR or LF, even at the end of the file, and by this many readable bytes in
    /// all, so that a parser may stop at what is no digit and load whole words.
    static constexpr std::size_t kPadding_bytes = 8;

    explicit LineReader(const std::filesystem::path& path);

    /// Gives the next line without its end; false after the last. The view is valid until the next call.
    bool next(std::string_view& line);

    /// "path:line" of the line given last, counted from 1: for messages.
    [[nodiscard]] std::string where() const;

  private:
    bool refill();
    void skip_byte_order_mark();

    InputFile file_;
    std::vector<char> block_;
    std::size_t begin_ = 0;  // of what is not yet given, in block_
    std::size_t end_ = 0;
    bool at_end_ = false;
    std::size_t line_number_ = 0;
};

}  // namespace lockstep
