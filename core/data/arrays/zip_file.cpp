// PKWARE's APPNOTE 6.3: sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (its end), 4.5.3
// (ZIP64).
#include "core/data/arrays/zip_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/input_file.h"

namespace lockstep {

namespace {

constexpr std::size_t kEnd_bytes = 22;
constexpr std::size_t kLongestComment = 65535;
constexpr std::size_t kRecord_bytes = 46;
constexpr std::size_t kLocal_bytes = 30;
constexpr std::uint32_t kIsInZip64 = 0xFFFFFFFF;

std::uint64_t number(std::span<const unsigned char> bytes, std::size_t place, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{bytes[place + i]} << (8 * i);
    return value;
}

/// Unpacks an entry, or hands it on as it is.
class Content {
  public:
    using ReadPacked = std::function<std::size_t(std::span<unsigned char>)>;

    Content(const ZipFile::Entry& entry, ReadPacked packed) : entry_(entry), packed_(std::move(packed)) {
        constexpr int kNoHeader = -15;
        if (entry.deflated && inflateInit2(&stream_, kNoHeader) != Z_OK) throw std::bad_alloc();
    }
    ~Content() {
        if (entry_.deflated) inflateEnd(&stream_);
    }
    Content(const Content&) = delete;
    Content& operator=(const Content&) = delete;

    std::size_t read(std::span<char> to) {
        // Never more than the directory says there is.
        to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), entry_.bytes - done_)));
        auto* const bytes = reinterpret_cast<unsigned char*>(to.data());
        const std::size_t got =
            entry_.deflated ? inflate_into({bytes, to.size()}) : packed_({bytes, to.size()});
        checksum_ = crc32_z(checksum_, bytes, got);
        done_ += got;
        return got;
    }
    [[nodiscard]] bool is_whole() const { return done_ == entry_.bytes && checksum_ == entry_.checksum; }

  private:
    std::size_t inflate_into(std::span<unsigned char> to) {
        std::size_t done = 0;
        while (done < to.size() && !ended_) {
            if (stream_.avail_in == 0) {
                stream_.avail_in = static_cast<uInt>(packed_(block_));
                stream_.next_in = block_.data();
                if (stream_.avail_in == 0) break;
            }
            constexpr std::size_t kMost = std::size_t{1} << 30;  // inflate counts in unsigned
            const std::size_t asked = std::min(to.size() - done, kMost);
            stream_.next_out = to.data() + done;
            stream_.avail_out = static_cast<uInt>(asked);
            const int code = inflate(&stream_, Z_NO_FLUSH);
            done += asked - stream_.avail_out;
            if (code == Z_MEM_ERROR) throw std::bad_alloc();
            ended_ = code != Z_OK && code != Z_BUF_ERROR;
        }
        return done;
    }

    const ZipFile::Entry& entry_;
    ReadPacked packed_;
    z_stream stream_{};
    std::array<unsigned char, 65536> block_{};
    bool ended_ = false;
    std::uint64_t done_ = 0;
    uLong checksum_ = 0;
};

}  // namespace

ZipFile::ZipFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path_, error)) {
        fail(error ? fmt::format("cannot be opened: {}; check data.file", error.message())
                   : "is no regular file; check data.file");
    }
    file_.open(path_, std::ios::binary | std::ios::ate);
    if (!file_) fail("cannot be opened; check that you may read it");
    size_ = static_cast<std::uint64_t>(file_.tellg());
    remember_read(path_);
    read_directory();
}

void ZipFile::fail(const std::string& what) const {
    throw DataError(fmt::format("{}: {}", path_.string(), what));
}

const std::string& ZipFile::comment() const {
    if (comment_.size() != comment_bytes_)
        fail("ends elsewhere than its directory says; copy the file again");
    return comment_;
}

void ZipFile::read_at(std::uint64_t offset, std::span<unsigned char> to) {
    file_.clear();
    if (offset > size_ || to.size() > size_ - offset || !file_.seekg(static_cast<std::streamoff>(offset)) ||
        !file_.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size())))
        fail(fmt::format("byte {}: the archive is damaged or cut off; fetch or write it again", offset));
}

void ZipFile::read_directory() {
    const std::size_t tail_bytes = std::min<std::uint64_t>(size_, kEnd_bytes + kLongestComment);
    std::vector<unsigned char> tail(tail_bytes);
    read_at(size_ - tail_bytes, tail);
    constexpr std::array<unsigned char, 4> kEnd{'P', 'K', 5, 6};
    const auto found = std::ranges::find_end(tail, kEnd);
    const auto at = static_cast<std::size_t>(found.begin() - tail.begin());
    if (found.empty() || tail_bytes - at < kEnd_bytes)
        fail("is no archive of numpy, or was cut off; write it by numpy.savez, or fetch it again");
    comment_.assign(tail.begin() + static_cast<std::ptrdiff_t>(at + kEnd_bytes), tail.end());
    comment_bytes_ = number(tail, at + 20, 2);
    std::uint64_t size = number(tail, at + 12, 4);
    std::uint64_t offset = number(tail, at + 16, 4);
    const std::uint64_t end = size_ - tail_bytes + at;
    if (offset == kIsInZip64 || size == kIsInZip64) {
        std::array<unsigned char, 20> locator{};
        std::array<unsigned char, 56> wide{};
        if (end < locator.size()) fail("its directory is damaged; write it again");
        read_at(end - locator.size(), locator);
        read_at(number(locator, 8, 8), wide);
        size = number(wide, 40, 8);
        offset = number(wide, 48, 8);
    }
    if (offset > end || size > end - offset) fail("its directory is damaged; write it again");
    std::vector<unsigned char> directory(size);
    read_at(offset, directory);
    const std::span<const unsigned char> all(directory);
    for (std::size_t place = 0; place < all.size();) {
        const auto rest = all.subspan(place);
        if (rest.size() < kRecord_bytes || number(rest, 0, 4) != 0x02014B50)
            fail("its directory is damaged; write it again");
        const std::size_t name = number(rest, 28, 2);
        const std::size_t extra = number(rest, 30, 2);
        const std::size_t record = kRecord_bytes + name + extra + number(rest, 32, 2);
        if (record > rest.size()) fail("its directory is damaged; write it again");
        add_entry(rest.first(kRecord_bytes), rest.subspan(kRecord_bytes, name),
                  rest.subspan(kRecord_bytes + name, extra));
        place += record;
    }
}

void ZipFile::add_entry(std::span<const unsigned char> record, std::span<const unsigned char> name,
                        std::span<const unsigned char> extra) {
    Entry entry{.name = std::string(name.begin(), name.end()),
                .offset = number(record, 42, 4),
                .packed_bytes = number(record, 20, 4),
                .bytes = number(record, 24, 4),
                .checksum = static_cast<std::uint32_t>(number(record, 16, 4)),
                .deflated = number(record, 10, 2) == 8};
    if (number(record, 8, 2) % 2 != 0 || (!entry.deflated && number(record, 10, 2) != 0))
        fail(fmt::format(
            "{}: is encrypted, or compressed by another method than deflate; write it by numpy.savez",
            entry.name));
    while (extra.size() >= 4) {
        const std::size_t length = std::min<std::size_t>(number(extra, 2, 2), extra.size() - 4);
        auto wide = extra.subspan(4, length);
        const bool is_zip64 = number(extra, 0, 2) == 1;
        for (std::uint64_t* size : {&entry.bytes, &entry.packed_bytes, &entry.offset}) {
            if (!is_zip64 || *size != kIsInZip64 || wide.size() < 8) continue;
            *size = number(wide, 0, 8);
            wide = wide.subspan(8);
        }
        extra = extra.subspan(4 + length);
    }
    // Deflate makes at most 1032 bytes of one.
    constexpr std::uint64_t kMostGrowth = 1032;
    const bool fits = entry.packed_bytes <= size_ && entry.offset <= size_ - entry.packed_bytes;
    if (!fits ||
        (entry.deflated ? entry.bytes / kMostGrowth > entry.packed_bytes : entry.bytes != entry.packed_bytes))
        fail(fmt::format("{}: has sizes that cannot be; write the archive again", entry.name));
    entries_.push_back(std::move(entry));
}

void ZipFile::read(const Entry& entry,
                   const std::function<void(const std::function<std::size_t(std::span<char>)>&)>& visit) {
    std::array<unsigned char, kLocal_bytes> local{};
    read_at(entry.offset, local);
    if (number(local, 0, 4) != 0x04034B50)
        fail(fmt::format("{}: is not where the directory has it", entry.name));
    std::uint64_t place = entry.offset + kLocal_bytes + number(local, 26, 2) + number(local, 28, 2);
    std::uint64_t left = entry.packed_bytes;
    const auto packed = [&](std::span<unsigned char> to) {
        to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, to.size())));
        read_at(place, to);
        place += to.size();
        left -= to.size();
        return to.size();
    };
    Content content(entry, packed);
    visit([&](std::span<char> to) { return content.read(to); });
    std::array<char, 4096> rest{};
    while (content.read(rest) == rest.size()) {
    }
    if (!content.is_whole()) {
        fail(fmt::format(
            "{}: is damaged: its length or its checksum (CRC-32) is another one; fetch or write the archive "
            "again",
            entry.name));
    }
}

}  // namespace lockstep
