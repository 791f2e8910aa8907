#include "launcher/options/options_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

constexpr std::string_view kPrefix = "LOCKSTEP_";
// Variables of the prefix that are no keys: they are read where they act.
constexpr std::array<std::string_view, 1> kOtherVariables{"LOCKSTEP_ISA"};

// What Lmod, Environment Modules, Spack and EasyBuild's sites call the parts of any package. Some are also
// the name of a key without its section, which is why they are told apart first.
constexpr std::array<std::string_view, 22> kPackageParts{
    "ROOT", "HOME",  "DIR",     "PATH",   "PREFIX",     "BASE",   "VERSION", "BIN",
    "LIB",  "LIB64", "LIBRARY", "INC",    "INCLUDE",    "SRC",    "SOURCE",  "DOC",
    "MAN",  "SHARE", "INSTALL", "MODULE", "MODULEFILE", "LICENSE"};

/// ROOT, and LIB_DIR, LIBDIR, BIN_PATH, BINPATH, ROOT_DIR.
bool is_package_part(std::string_view name) {
    const auto is_part = [](std::string_view word) {
        return std::ranges::find(kPackageParts, word) != kPackageParts.end();
    };
    if (is_part(name)) return true;
    constexpr std::array<std::string_view, 5> kEndings{"_DIR", "_PATH", "_ROOT", "DIR", "PATH"};
    return std::ranges::any_of(kEndings, [&](std::string_view ending) {
        return name.ends_with(ending) && is_part(name.substr(0, name.size() - ending.size()));
    });
}

/// The key that a variable names but for its section, as LOCKSTEP_LEARNING_RATE does; "" for none.
std::string without_section(std::string_view name) {
    for (const OptionSpec& spec : option_table()) {
        std::string full = variable_name(spec.key);
        if (full.substr(kPrefix.size() + spec.key.find('.') + 1) == name.substr(kPrefix.size())) return full;
    }
    return "";
}

bool begins_with_section(std::string_view name) {
    return std::ranges::any_of(option_table(), [&](const OptionSpec& spec) {
        return name.starts_with(variable_name(spec.key.substr(0, spec.key.find('.') + 1)));
    });
}

/// Whether the variable was meant as a key, although it is none.
bool resembles_key(std::string_view name, const std::vector<std::string>& names) {
    if (is_package_part(name.substr(kPrefix.size()))) return false;
    if (begins_with_section(name) || !without_section(name).empty()) return true;
    // Without the prefix, which would make short names alike.
    std::vector<std::string_view> rests{kOtherVariables.front().substr(kPrefix.size())};
    for (const std::string_view known : names) rests.push_back(known.substr(kPrefix.size()));
    return !nearest_spelling(name.substr(kPrefix.size()), rests).empty();
}

[[noreturn]] void throw_unknown(std::string_view name, const std::vector<std::string>& names) {
    std::vector<std::string_view> candidates(names.begin(), names.end());
    candidates.insert(candidates.end(), kOtherVariables.begin(), kOtherVariables.end());
    const std::string in_section = name.starts_with(kPrefix) ? without_section(name) : "";
    const std::string hint = in_section.empty() ? did_you_mean(name, candidates)
                                                : fmt::format(" (did you mean '{}'?)", in_section);
    throw ConfigError(fmt::format("unknown variable {}{}; unset it", name, hint));
}

// As many as training.threads may be.
constexpr std::size_t kMostThreads = 4096;

}  // namespace

ThreadVariable read_thread_variable() {
    const char* variable = std::getenv("OMP_NUM_THREADS");
    const std::string_view text = trimmed(variable == nullptr ? "" : variable);
    if (text.empty()) return {};
    ThreadVariable read;
    std::string_view rest = text;
    for (bool first = true; !rest.empty() || first; first = false) {
        const std::size_t comma = rest.find(',');
        const auto number = parse_number<std::size_t>(trimmed(rest.substr(0, comma)));
        const bool ends_in_comma = comma != std::string_view::npos && comma + 1 == rest.size();
        if (!number || *number == 0 || *number > kMostThreads || ends_in_comma) {
            return {1,
                    fmt::format("OMP_NUM_THREADS={} is no number of threads from 1 to {}, nor a list of such "
                                "numbers, so a rank uses one thread; correct it, or set training.threads",
                                text, kMostThreads)};
        }
        if (first) read.threads = *number;
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return read;
}

std::vector<KeyVariable> key_variables(const std::vector<std::string>& environment) {
    std::vector<std::string> names;
    for (const OptionSpec& spec : option_table()) names.push_back(variable_name(spec.key));
    std::vector<KeyVariable> variables;
    for (const std::string& entry : environment) {
        const std::size_t equals = entry.find('=');
        if (equals == std::string::npos) continue;
        const std::string name = entry.substr(0, equals);
        if (!name.starts_with(kPrefix)) {
            // lockstep_training_epochs: meant for us, and read by nobody.
            const bool in_other_case = std::ranges::any_of(
                names, [&](const std::string& known) { return differ_in_case(name, known); });
            if (in_other_case) throw_unknown(name, names);
            continue;
        }
        const auto found = std::ranges::find(names, name);
        if (found == names.end()) {
            const bool known = std::ranges::find(kOtherVariables, name) != kOtherVariables.end();
            if (!known && resembles_key(name, names)) throw_unknown(name, names);
            continue;
        }
        std::string text = entry.substr(equals + 1);
        if (text.find_first_not_of(" \t") == std::string::npos) continue;
        const OptionSpec& spec = option_table()[static_cast<std::size_t>(found - names.begin())];
        variables.push_back({name, std::string(spec.key), std::move(text)});
    }
    return variables;
}

}  // namespace lockstep
