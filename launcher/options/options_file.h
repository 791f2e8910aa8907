// Reads an INI file into keys and values, each with its line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

/// `value` as line `line` of the file gives it, without comment and surrounding blanks.
struct FileOption {
    std::string key;  ///< with its section: "optimizer.learning_rate"
    std::string value;
    std::size_t line = 0;
    std::size_t section_line = 0;  ///< of the [section] it stands under; 0: under none
};

/// Throws ConfigError naming file and line where the file cannot be read or a line is no section, key or
/// comment.
std::vector<FileOption> read_option_file(const std::filesystem::path& file);

}  // namespace lockstep
