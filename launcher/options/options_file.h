// Reads an INI file into keys and values, each with its line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// `value` as line `line` of the file gives it, without comment, surrounding blanks and quotes.
struct FileOption {
    std::string key;  ///< with its section: "optimizer.learning_rate"
    std::string value;
    std::string comment;  ///< what follows the value, with its # or ;; "" for none
    bool quoted = false;  ///< the value stood in quotes
    std::size_t line = 0;
    std::size_t section_line = 0;  ///< of the [section] it stands under; 0: under none
};

/// The text that a value stands for, whichever source gives it: without surrounding blanks, then without the
/// quotes " or ' around it, which keep blanks, # and ; as they are. Throws ConfigError, whose text follows
/// the value's place, where a quote is not closed or something stands behind the closing one.
std::string plain_value(std::string_view text);

/// UTF-8, with or without a byte order mark; lines end with LF, CR LF or CR. A comment begins with # or ; at
/// the start of a line or after a blank. Throws ConfigError naming file and line where the file cannot be
/// read or is no such text, or a line is no section, key or comment.
std::vector<FileOption> read_option_file(const std::filesystem::path& file);

}  // namespace lockstep
