#include "launcher/run/printing.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "launcher/run/output_log.h"

namespace lockstep {

namespace {

/// Length of the UTF-8 character that `text` begins with; 0 where it begins with none (RFC 3629, section 4).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    // What is spelled longer than need be, the surrogates, and what lies above U+10FFFF.
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return length;
}

bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return first < 0x20 || first == 0x7f;
    return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

std::string as_hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    return text;
}

/// visit(character, whether it is one) for every character, and every byte that belongs to none.
template <class Visit>
void for_each_character(std::string_view text, const Visit& visit) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        visit(text.substr(0, std::max<std::size_t>(length, 1)), length > 0);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

std::string escaped(std::string_view text, bool keep_newlines) {
    std::string result;
    for_each_character(text, [&](std::string_view character, bool valid) {
        const bool keep = valid && (!is_control(character) || (keep_newlines && character == "\n"));
        result += keep ? std::string(character) : as_hex(character);
    });
    return result;
}

/// By the rule of json_text.
std::string as_utf8(const std::string& text) {
    std::string result;
    bool odd = text.find("\\x") != std::string::npos;
    for_each_character(text, [&](std::string_view, bool valid) { odd = odd || !valid; });
    if (!odd) return text;
    for_each_character(text, [&](std::string_view character, bool valid) {
        result += !valid ? as_hex(character) : character == "\\" ? "\\\\" : std::string(character);
    });
    return result;
}

template <class Json>
void make_utf8(Json& json) {
    if (json.is_string()) json = as_utf8(json.template get_ref<const std::string&>());
    if (!json.is_structured()) return;
    for (Json& part : json) make_utf8(part);
}

template <class Json>
std::string dumped(Json json, int indent) {
    make_utf8(json);
    // JSON escapes the first 32 control characters itself; the others can stand within strings alone.
    std::string text;
    for_each_character(json.dump(indent), [&](std::string_view character, bool) {
        const bool raw_control = is_control(character) && static_cast<unsigned char>(character[0]) >= 0x7f;
        text += raw_control ? fmt::format("\\u{:04x}", static_cast<unsigned char>(character.back()))
                            : std::string(character);
    });
    return text;
}

/// Why a stream's text was lost: an errno, 0 where none was.
int& loss_of(std::FILE* stream) {
    static std::array<int, 2> losses{};
    return losses[stream == stderr ? 1 : 0];
}

}  // namespace

void guard_standard_streams() {
    for (int descriptor = 0; descriptor <= 2; ++descriptor) {
        if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
        // Opened the wrong way round, so that reading or writing fails as it would on a closed descriptor.
        const int opened = ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
        if (opened >= 0 && opened != descriptor) ::close(opened);
    }
}

std::string printable(std::string_view text) { return escaped(text, true); }

std::string json_text(nlohmann::json json, int indent) { return dumped(std::move(json), indent); }
std::string json_text(nlohmann::ordered_json json, int indent) { return dumped(std::move(json), indent); }

void write_text(std::FILE* stream, std::string_view text) noexcept {
    log_output(text);
    write_to_terminal(stream, text);
}

void write_to_terminal(std::FILE* stream, std::string_view text) noexcept {
    int& loss = loss_of(stream);
    if (loss != 0) return;
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stream) < text.size()) loss = errno != 0 ? errno : EIO;
}

void flush(std::FILE* stream) noexcept {
    int& loss = loss_of(stream);
    if (loss == 0 && std::fflush(stream) != 0) loss = errno != 0 ? errno : EIO;
}

void print_error(std::string_view text) {
    // A progress line that is still in the buffer comes first.
    flush(stdout);
    write_text(stderr, escaped(text, false) + "\n");
    flush(stderr);
}

std::string lost_output() {
    if (std::string lost = lost_output_log(); !lost.empty()) return lost;
    for (std::FILE* stream : {stdout, stderr}) {
        flush(stream);
        int& loss = loss_of(stream);
        // A network file system may say only when a descriptor is closed that the disk is full.
        const int copy = loss == 0 ? ::dup(::fileno(stream)) : -1;
        if (copy >= 0 && ::close(copy) != 0) loss = errno;
        if (loss == 0) continue;
        return fmt::format(
            "cannot write to standard {}: {}; what was printed there is lost, what was written to files "
            "stands",
            stream == stdout ? "output" : "error", std::strerror(loss));
    }
    return {};
}

}  // namespace lockstep
