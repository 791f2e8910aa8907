// Names in a row, for messages.
#pragma once

#include <span>
#include <string>

namespace lockstep {

/// "a, b, c". (fmt::join does the same, but g++ 12 warns of it falsely at -O3.)
template <class Text>
std::string joined(std::span<const Text> texts) {
    std::string row;
    for (const Text& text : texts) {
        if (!row.empty()) row += ", ";
        row += text;
    }
    return row;
}

}  // namespace lockstep
