#include "launcher/options/options_file.h"

#include <fmt/format.h>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/error.h"

namespace lockstep {

namespace po = boost::program_options;

std::vector<FileOption> read_option_file(const std::filesystem::path& file) {
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) {
        throw ConfigError(fmt::format("configuration {} is a directory; name an .ini file", file.string()));
    }
    std::ifstream input(file);
    if (!input) {
        throw ConfigError(fmt::format("cannot read configuration {}: {}; check the path", file.string(),
                                      std::strerror(errno)));
    }

    // Boost's parser does not say which line an option is from, so it gets one line at a time, in its
    // section.
    const po::options_description no_keys;
    constexpr bool kAnyKey = true;
    std::vector<FileOption> options;
    std::string section;
    std::size_t section_line = 0;
    std::size_t number = 0;
    for (std::string line; std::getline(input, line);) {
        ++number;
        std::istringstream part(section + "\n" + line);
        const std::size_t first = line.find_first_not_of(" \t\r");
        const bool is_section = first != std::string::npos && line[first] == '[';
        try {
            for (const po::option& option : po::parse_config_file(part, no_keys, kAnyKey).options) {
                options.push_back({option.string_key, option.value.empty() ? "" : option.value.front(),
                                   number, section_line});
            }
        } catch (const po::error&) {
            throw ConfigError(fmt::format("{}:{}: '{}' is neither [section], key = value, nor # comment",
                                          file.string(), number, line));
        }
        if (is_section) {
            section = line;
            section_line = number;
        }
    }
    return options;
}

}  // namespace lockstep
