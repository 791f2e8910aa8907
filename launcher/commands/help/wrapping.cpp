#include "launcher/commands/help/wrapping.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/base/number.h"
#include "launcher/run/text.h"

namespace lockstep {

namespace {

constexpr std::size_t kFewestColumns = 40;
constexpr std::size_t kUsualColumns = 80;

std::size_t columns_told() {
    if (const char* text = std::getenv("COLUMNS")) {
        if (const auto columns = parse_number<std::size_t>(text); columns && *columns > 0) return *columns;
    }
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return kUsualColumns;
}

/// How many bytes of the word may stand on a line with room for so many characters: all of them, up to the
/// last of |,; that fits, or none.
std::size_t fitting_part(std::string_view word, std::size_t room) {
    if (character_count(word) <= room) return word.size();
    std::size_t part = 0;
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (std::string_view("|,;").find(word[i]) == std::string_view::npos) continue;
        if (character_count(word.substr(0, i + 1)) > room) break;
        part = i + 1;
    }
    return part;
}

/// Lines that grow by words.
class Lines {
  public:
    Lines(std::size_t columns, std::size_t indent, std::size_t begin)
        : columns_(columns), indent_(indent), column_(begin) {}

    void add(std::string_view word) {
        const std::size_t whole_line = columns_ - std::min(columns_, indent_);
        if (character_count(word) <= whole_line) {
            if (character_count(word) > room()) new_line();
            return put(word);
        }
        while (!word.empty()) {
            std::size_t part = fitting_part(word, room());
            if (part == 0 && !is_empty_) {
                new_line();
                continue;
            }
            if (part == 0) part = word.size();
            put(word.substr(0, part));
            word.remove_prefix(part);
            if (!word.empty()) new_line();
        }
    }
    void new_line() {
        text_ += '\n';
        column_ = indent_;
        is_empty_ = true;
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    /// For a word of this line.
    [[nodiscard]] std::size_t room() const {
        const std::size_t used = column_ + (is_empty_ ? 0 : 1);
        return columns_ - std::min(columns_, used);
    }
    void put(std::string_view word) {
        if (is_empty_ && text_.ends_with('\n')) text_.append(indent_, ' ');
        if (!is_empty_) {
            text_ += ' ';
            ++column_;
        }
        text_ += word;
        column_ += character_count(word);
        is_empty_ = false;
    }

    std::size_t columns_;
    std::size_t indent_;
    std::size_t column_;
    bool is_empty_ = true;  // this line has no word yet
    std::string text_;
};

}  // namespace

std::size_t output_columns() { return std::max(columns_told(), kFewestColumns); }

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent, std::size_t begin) {
    Lines lines(columns, indent, begin);
    while (!text.empty()) {
        const std::size_t end = std::min(text.size(), text.find_first_of(" \n"));
        if (end > 0) lines.add(text.substr(0, end));
        if (end < text.size() && text[end] == '\n') lines.new_line();
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    return lines.take();
}

}  // namespace lockstep
