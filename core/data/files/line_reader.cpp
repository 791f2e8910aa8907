// Blocks of a file cut at line ends.
#include "core/data/files/line_reader.h"

#include <fmt/format.h>

#include <cstring>

#include "core/base/error.h"

namespace lockstep {

namespace {

// A block and the values parsed from it stay in the second-level cache.
constexpr std::size_t kBlock_bytes = std::size_t{256} << 10;
constexpr std::size_t kLongestLine_bytes = std::size_t{256} << 20;

}  // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : file_(path), block_(kBlock_bytes + kPadding_bytes) {
    refill();
    skip_byte_order_mark();
}

void LineReader::skip_byte_order_mark() {
    using namespace std::string_view_literals;
    const std::string_view text(block_.data(), end_);
    constexpr std::string_view kUtf8 = "\xEF\xBB\xBF"sv;
    if (text.starts_with(kUtf8)) begin_ = kUtf8.size();
    const bool marked = text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv);
    // Without a mark: of a digit, every other byte is zero.
    const bool unmarked = text.size() > 1 && (text[0] == '\0') != (text[1] == '\0');
    if (marked || unmarked) {
        throw DataError(fmt::format(
            "{}: is UTF-16 text, as PowerShell's > and some spreadsheets write it, expected UTF-8; save it "
            "as "
            "UTF-8 or plain text (iconv -f UTF-16 -t UTF-8; PowerShell: Out-File -Encoding ascii)",
            file_.path().string()));
    }
}

std::string LineReader::where() const { return fmt::format("{}:{}", file_.path().string(), line_number_); }

bool LineReader::refill() {
    if (at_end_) return false;
    std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    std::size_t room = block_.size() - kPadding_bytes - end_;
    if (room == 0) {
        if (block_.size() > kLongestLine_bytes) {
            throw DataError(
                fmt::format("{}:{}: no line end within {} MiB, expected a text file; check which file "
                            "has this name",
                            file_.path().string(), line_number_ + 1, kLongestLine_bytes >> 20));
        }
        room = block_.size();
        block_.resize(2 * block_.size());
    }
    const std::size_t got = file_.read({block_.data() + end_, room});
    end_ += got;
    block_[end_] = '\n';  // over what an earlier block left there
    at_end_ = got < room;
    return got > 0;
}

bool LineReader::next(std::string_view& line) {
    std::size_t searched = begin_;
    const void* found = nullptr;
    while ((found = std::memchr(block_.data() + searched, '\n', end_ - searched)) == nullptr) {
        const std::size_t seen = end_ - begin_;
        if (!refill()) break;
        searched = begin_ + seen;
    }
    if (found == nullptr && begin_ == end_) return false;
    const char* first = block_.data() + begin_;
    std::size_t length =
        found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - first) : end_ - begin_;
    begin_ += length + (found != nullptr ? 1 : 0);
    if (length > 0 && first[length - 1] == '\r') --length;
    line = {first, length};
    ++line_number_;
    return true;
}

}  // namespace lockstep
