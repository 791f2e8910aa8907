#include "launcher/options/config_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "core/base/error.h"

namespace lockstep {

namespace {

bool is_letter(char c) { return c == '_' || std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool is_name_part(char c) { return is_letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// The name that `text` begins with; "" where it begins with none.
std::string_view leading_name(std::string_view text) {
    std::size_t size = 0;
    while (size < text.size() && (size == 0 ? is_letter(text[0]) : is_name_part(text[size]))) ++size;
    return text.substr(0, size);
}

std::string value_of(std::string_view name, const VariableLookup& variable) {
    const auto value = variable(std::string(name));
    if (value && !value->empty()) return *value;
    throw ConfigError(fmt::format("the variable {} is {}; set it, or write the path out{}", name,
                                  value ? "empty" : "not set",
                                  name == "HOME" ? "" : "; a $ of the path itself is written $$"));
}

}  // namespace

std::string expand_path(std::string_view path, const VariableLookup& variable) {
    std::string expanded;
    if (path.starts_with('~')) {
        if (path.size() > 1 && path[1] != '/') {
            throw ConfigError(
                "of ~ only ~ and ~/ are expanded; write another user's folder out, or ./~ where the name "
                "itself begins with ~");
        }
        expanded = value_of("HOME", variable);
        path.remove_prefix(1);
    }
    while (!path.empty()) {
        const std::size_t dollar = std::min(path.find('$'), path.size());
        expanded += path.substr(0, dollar);
        path.remove_prefix(dollar);
        if (path.empty()) break;
        path.remove_prefix(1);
        if (path.starts_with('$')) {
            expanded += '$';
            path.remove_prefix(1);
            continue;
        }
        const bool braces = path.starts_with('{');
        const std::string_view name = leading_name(path.substr(braces ? 1 : 0));
        const std::size_t end = name.size() + (braces ? 1 : 0);
        if (name.empty() || (braces && !path.substr(end).starts_with('}'))) {
            throw ConfigError("a $ is followed by NAME, {NAME} or, for a $ itself, by another $");
        }
        expanded += value_of(name, variable);
        path.remove_prefix(end + (braces ? 1 : 0));
    }
    return expanded;
}

std::optional<std::string> process_variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
}

}  // namespace lockstep
