#include "launcher/options/options_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/spelling.h"

namespace lockstep {

namespace po = boost::program_options;

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kMarkers = "#;";  // of a comment
constexpr std::string_view kQuotes = "\"'";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kMost_bytes = std::size_t{16} << 20;

bool is_one_of(std::string_view characters, char c) { return characters.find(c) != std::string_view::npos; }

/// The whole file, which a configuration that is none (a data set, an endless device) must not make large.
std::string read_whole(const std::filesystem::path& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) {
        throw ConfigError(fmt::format("configuration {} is a directory; name an .ini file", file.string()));
    }
    std::ifstream input(file, std::ios::binary);
    if (!input) {
        throw ConfigError(fmt::format("cannot read configuration {}: {}; check the path", file.string(),
                                      std::strerror(errno)));
    }
    std::string bytes;
    std::array<char, 1 << 16> block{};
    while (input.read(block.data(), block.size()), input.gcount() > 0) {
        bytes.append(block.data(), static_cast<std::size_t>(input.gcount()));
        if (bytes.size() > kMost_bytes) {
            throw ConfigError(
                fmt::format("{}: is longer than {} MiB, so that it can be no configuration; check which file "
                            "has this name",
                            file.string(), kMost_bytes >> 20));
        }
    }
    if (input.bad()) {
        throw ConfigError(fmt::format("cannot read configuration {}: {}; check the path", file.string(),
                                      std::strerror(errno)));
    }
    return bytes;
}

/// Editors of Windows save UTF-16, which is no text to a reader of bytes.
void refuse_other_encodings(const std::filesystem::path& file, std::string_view bytes) {
    using namespace std::string_view_literals;
    const auto refuse = [&](std::string_view what) {
        throw ConfigError(
            fmt::format("{}: {}; save it as UTF-8 (Notepad: Save as, Encoding: UTF-8; or "
                        "`iconv -t UTF-8`)",
                        file.string(), what));
    };
    if (bytes.starts_with("\xFF\xFE\0\0"sv) || bytes.starts_with("\0\0\xFE\xFF"sv))
        refuse("is UTF-32 text, by its byte order mark");
    if (bytes.starts_with("\xFF\xFE"sv) || bytes.starts_with("\xFE\xFF"sv))
        refuse("is UTF-16 text, by its byte order mark");
    const std::size_t nul = bytes.find('\0');
    if (nul == std::string_view::npos) return;
    const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
    throw ConfigError(
        fmt::format("{}:{}: holds a NUL byte, so that it is no plain text; if it is UTF-16, "
                    "save it as UTF-8, else check which file has this name",
                    file.string(), line));
}

/// Lines that end with LF, CR LF or CR, without these.
std::vector<std::string> lines_of(std::string_view bytes) {
    std::vector<std::string> lines;
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
        // Files that were joined have a byte order mark further down, too.
        std::string_view line = bytes.substr(0, end);
        if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
        lines.emplace_back(line);
        const std::size_t ending = bytes.substr(end).starts_with("\r\n") ? 2 : 1;
        bytes.remove_prefix(std::min(end + ending, bytes.size()));
    }
    return lines;
}

/// Where the quoted value that begins at `open` ends, one behind its closing quote.
std::size_t quote_end(std::string_view text, std::size_t open) {
    const std::size_t close = text.find(text[open], open + 1);
    if (close == std::string_view::npos) {
        throw ConfigError(
            fmt::format("the quote {} is not closed; put quotes at both ends of the value, or "
                        "remove it",
                        text[open]));
    }
    return close + 1;
}

[[noreturn]] void throw_behind_quote(std::string_view rest) {
    throw ConfigError(
        fmt::format("'{}' stands behind the closing quote; quotes go around the whole value", trimmed(rest)));
}

/// Where the comment behind a section or a quoted value begins.
std::size_t marker_behind(std::string_view line, std::size_t end) {
    const std::size_t next = std::min(line.find_first_not_of(kBlanks, end), line.size());
    return next == line.size() || is_one_of(kMarkers, line[next]) ? next : std::string_view::npos;
}

/// Where the line's comment begins; its size where it has none.
std::size_t comment_begin(std::string_view line) {
    const std::size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return line.size();
    if (line[first] == '[') {
        const std::size_t close = line.find(']');
        const std::size_t marker = close == std::string_view::npos ? close : marker_behind(line, close + 1);
        return marker == std::string_view::npos ? line.size() : marker;
    }
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::size_t value = std::min(line.find_first_not_of(kBlanks, equals + 1), line.size());
    for (std::size_t i = first; i < line.size(); ++i) {
        if (i == value && is_one_of(kQuotes, line[i])) {
            const std::size_t end = quote_end(line, value);
            const std::size_t marker = marker_behind(line, end);
            if (marker == std::string_view::npos) throw_behind_quote(line.substr(end));
            return marker;
        }
        const bool starts = i == first || i == value || is_one_of(kBlanks, line[i - 1]);
        if (starts && is_one_of(kMarkers, line[i])) return i;
    }
    return line.size();
}

/// What a line that cannot be read most likely lacks.
std::string hint(std::string_view line) {
    if (line.find("\xC2\xA0") != std::string_view::npos)
        return "; it holds a no-break space, as web pages have it: type the blanks anew";
    if (line.starts_with('[')) return "; a section's name ends with ]";
    const std::size_t colon = line.find(':');
    if (colon < line.find('=')) return "; write = in place of the colon";
    return "";
}

[[noreturn]] void throw_unreadable(std::string_view line) {
    constexpr std::size_t kShown = 80;
    const std::string shown(line.substr(0, kShown));
    throw ConfigError(fmt::format("'{}{}' is neither [section], key = value, nor # comment{}", shown,
                                  line.size() > kShown ? "..." : "", hint(trimmed(line))));
}

/// Typographic quotes, which word processors put where " was typed.
void refuse_typographic_quotes(std::string_view value) {
    for (const std::string_view quote : {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xE2\x80\x98",
                                         "\xE2\x80\x99", "\xE2\x80\x9A", "\xC2\xAB", "\xC2\xBB"}) {
        if (value.starts_with(quote))
            throw ConfigError(fmt::format("the value begins with the typographic quote {}; type \"", quote));
    }
}

/// The key and value of one line, which stands under `section`; none in an empty line.
std::vector<FileOption> parse_line(const std::string& section, const std::string& line) {
    // Boost's parser takes every # for the start of a comment, so those of a value are NULs on their way
    // through it; the file itself has none.
    const std::size_t comment = comment_begin(line);
    std::string text = line.substr(0, comment);
    std::ranges::replace(text, '#', '\0');
    std::istringstream part(section + "\n" + text);
    const po::options_description no_keys;
    constexpr bool kAnyKey = true;
    std::vector<FileOption> options;
    try {
        for (const po::option& option : po::parse_config_file(part, no_keys, kAnyKey).options) {
            std::string key = option.string_key;
            std::string value = option.value.empty() ? "" : option.value.front();
            std::ranges::replace(key, '\0', '#');
            std::ranges::replace(value, '\0', '#');
            // A blank or a colon in a key is a line without its equals sign: "layer dense units=2".
            if (key.find_first_of(" \t:\xC2") != std::string::npos) throw_unreadable(line);
            refuse_typographic_quotes(value);
            options.push_back({.key = std::move(key),
                               .value = plain_value(value),
                               .comment = line.substr(comment),
                               .quoted = !value.empty() && is_one_of(kQuotes, value.front())});
        }
    } catch (const po::error&) {
        throw_unreadable(line);
    }
    return options;
}

}  // namespace

std::string plain_value(std::string_view text) {
    text = trimmed(text);
    if (text.empty() || !is_one_of(kQuotes, text.front())) return std::string(text);
    const std::size_t end = quote_end(text, 0);
    if (end < text.size()) throw_behind_quote(text.substr(end));
    return std::string(text.substr(1, end - 2));
}

std::vector<FileOption> read_option_file(const std::filesystem::path& file) {
    const std::string bytes = read_whole(file);
    refuse_other_encodings(file, bytes);

    // Boost's parser does not say which line an option is from, so it gets one line at a time, in its
    // section.
    std::vector<FileOption> options;
    std::string section;
    std::size_t section_line = 0;
    std::size_t number = 0;
    for (const std::string& line : lines_of(bytes)) {
        ++number;
        try {
            for (FileOption& option : parse_line(section, line)) {
                option.line = number;
                option.section_line = section_line;
                options.push_back(std::move(option));
            }
            if (const std::string_view text = trimmed(line); text.starts_with('[')) {
                section = fmt::format("[{}]", trimmed(text.substr(1, text.find(']') - 1)));
                section_line = number;
            }
        } catch (const ConfigError& error) {
            throw ConfigError(fmt::format("{}:{}: {}", file.string(), number, error.what()));
        }
    }
    return options;
}

}  // namespace lockstep
