#include "launcher/run/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {

std::string counted(std::size_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::size_t character_count(std::string_view text) {
    const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    return static_cast<std::size_t>(std::ranges::count_if(text, is_first_byte));
}

std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string inside;
    for (const char c : text) inside.append(c == '"' ? 2 : 1, c);
    return fmt::format("\"{}\"", inside);
}

}  // namespace lockstep
