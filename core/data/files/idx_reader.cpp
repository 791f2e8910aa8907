// Reading of IDX files, with the header distrusted.
#include "core/data/files/idx_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/data/files/input_file.h"

namespace lockstep {

namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803;
constexpr std::uint32_t kLabelsMagic = 0x00000801;
// More than any image; keeps count * rows * columns below 2^63.
constexpr std::uint32_t kMostSide_pixels = 1U << 15;

std::uint32_t read_word(InputFile& file, std::string_view what) {
    std::array<char, 4> bytes{};
    if (file.read(bytes) < bytes.size()) {
        throw DataError(fmt::format("{}: ends at byte {} within its header, expected {}; fetch it again",
                                    file.path().string(), file.offset(), what));
    }
    std::uint32_t word = 0;
    for (const char byte : bytes) word = word << 8 | static_cast<std::uint8_t>(byte);
    return word;
}

void check_magic(InputFile& file, std::uint32_t expected, std::string_view kind) {
    const std::uint32_t magic = read_word(file, "the magic number");
    if (magic == expected) return;
    const std::string_view hint = magic == kLabelsMagic   ? " (that is a file of labels)"
                                  : magic == kImagesMagic ? " (that is a file of images)"
                                                          : "";
    throw DataError(fmt::format(
        "{}: byte 0: magic number 0x{:08x}{}, expected 0x{:08x} of IDX {}; check which file has this name",
        file.path().string(), magic, hint, expected, kind));
}

/// The file's remaining bytes, which must be exactly `promised`.
std::vector<std::uint8_t> read_rest(InputFile& file, std::uint64_t promised, const std::string& promise) {
    constexpr std::uint64_t kFirst_bytes = 1U << 20;
    std::vector<std::uint8_t> bytes;
    std::uint64_t held = 0;
    while (held < promised) {
        // Doubling, so that memory is never more than about twice what the file has proved to hold.
        bytes.resize(std::min(promised, std::max(kFirst_bytes, 2 * held)));
        const std::size_t asked = bytes.size() - held;
        const std::size_t got = file.read({reinterpret_cast<char*>(bytes.data() + held), asked});
        held += got;
        if (got < asked) {
            throw DataError(
                fmt::format("{}: ends at byte {}, but its header promises {} = {} bytes after it, of which "
                            "{} are there; fetch it again",
                            file.path().string(), file.offset(), promise, promised, held));
        }
    }
    const std::uint64_t end = file.offset();
    std::array<char, 1> extra{};
    if (file.read(extra) != 0) {
        throw DataError(
            fmt::format("{}: goes on after byte {}, where its header ({}) ends it; fetch it again",
                        file.path().string(), end, promise));
    }
    return bytes;
}

void check_some(const InputFile& file, std::uint32_t count) {
    if (count > 0) return;
    throw DataError(fmt::format("{}: byte 4: the header says 0 items, expected at least 1; fetch it again",
                                file.path().string()));
}

}  // namespace

IdxImages read_idx_images(const std::filesystem::path& path) {
    InputFile file(path);
    check_magic(file, kImagesMagic, "images");
    const std::uint32_t count = read_word(file, "the number of images");
    const std::uint32_t rows = read_word(file, "the number of rows");
    const std::uint32_t columns = read_word(file, "the number of columns");
    check_some(file, count);
    if (rows == 0 || columns == 0 || rows > kMostSide_pixels || columns > kMostSide_pixels) {
        throw DataError(
            fmt::format("{}: byte 8: the header says images of {} x {} pixels, expected sides of 1 to {}; "
                        "fetch it again",
                        path.string(), rows, columns, kMostSide_pixels));
    }
    IdxImages images{count, rows, columns, {}};
    images.pixels = read_rest(file, std::uint64_t{count} * rows * columns,
                              fmt::format("{} images of {} x {}", count, rows, columns));
    return images;
}

std::vector<std::uint8_t> read_idx_labels(const std::filesystem::path& path) {
    InputFile file(path);
    check_magic(file, kLabelsMagic, "labels");
    const std::uint32_t count = read_word(file, "the number of labels");
    check_some(file, count);
    return read_rest(file, count, fmt::format("{} labels", count));
}

}  // namespace lockstep
