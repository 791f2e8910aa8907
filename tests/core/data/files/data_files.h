// Files for the tests of the readers: IDX content, gzip, and the message that an error carries.
#pragma once

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "tests/support/temporary_folder.h"

namespace lockstep::test {

/// The content as a gzip file holds it.
inline std::string gzipped(std::string_view content) {
    z_stream stream{};
    constexpr int kGzipWindowBits = 15 + 16;
    if (deflateInit2(&stream, 6, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::runtime_error("deflateInit2 failed");
    }
    std::string input(content);
    std::string output(deflateBound(&stream, static_cast<uLong>(input.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(input.data());
    stream.avail_in = static_cast<uInt>(input.size());
    stream.next_out = reinterpret_cast<Bytef*>(output.data());
    stream.avail_out = static_cast<uInt>(output.size());
    const int code = deflate(&stream, Z_FINISH);
    output.resize(stream.total_out);
    deflateEnd(&stream);
    if (code != Z_STREAM_END) throw std::runtime_error("deflate failed");
    return output;
}

inline std::string big_endian(std::uint32_t word) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift & 0xFF);
    return bytes;
}

inline std::string idx_images(std::uint32_t count, std::uint32_t rows, std::uint32_t columns,
                              std::string_view pixels) {
    return big_endian(0x803) + big_endian(count) + big_endian(rows) + big_endian(columns) +
           std::string(pixels);
}

inline std::string idx_labels(std::uint32_t count, std::string_view labels) {
    return big_endian(0x801) + big_endian(count) + std::string(labels);
}

/// Pixels that repeat with no short period, so that a misplaced row shows.
inline std::string some_pixels(std::size_t count) {
    std::string pixels(count, '\0');
    std::uint32_t state = 12345;
    for (char& pixel : pixels) {
        state = state * 1664525 + 1013904223;
        pixel = static_cast<char>(state >> 24 < 128 ? 0 : state >> 16);
    }
    return pixels;
}

/// The message of the `Expected` that `call` throws, or what happened instead.
template <class Expected = DataError, class Call>
std::string error_of(Call call) {
    try {
        call();
    } catch (const Expected& error) {
        return error.what();
    } catch (const std::exception& error) {
        return std::string("(an error of another type: ") + error.what() + ")";
    }
    return "(no error)";
}

/// Whether the message says `part`; shows the message where it does not.
inline bool contains(const std::string& message, std::string_view part) {
    const bool found = message.find(part) != std::string::npos;
    if (!found) MESSAGE("the message was: ", message);
    return found;
}

}  // namespace lockstep::test
