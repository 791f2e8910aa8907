// Pieces of text that are written in several places.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lockstep {

/// "1 rank", "2 ranks".
std::string counted(std::size_t count, std::string_view thing);

/// The characters of a UTF-8 text.
std::size_t character_count(std::string_view text);

/// A field of a line of CSV (RFC 4180, section 2): in quotes where it has to be.
std::string csv_field(std::string_view text);

}  // namespace lockstep
