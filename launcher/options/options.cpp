#include "launcher/options/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <iterator>
#include <span>
#include <sstream>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/spelling.h"
#include "launcher/options/options_file.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

// Variables of the prefix that are no keys: they are read where they act.
constexpr std::string_view kOtherVariables[] = {"LOCKSTEP_ISA"};
constexpr std::string_view kPrefix = "LOCKSTEP_";

/// The values that one source gives, in order.
using Given = std::vector<std::pair<std::string, OptionValue>>;

/// How the user wrote it: "xor.ini:7: training.leaf = 0", "--training.leaf 0", "LOCKSTEP_TRAINING_LEAF=0".
std::string as_written(std::string_view key, const OptionValue& value) {
    if (value.origin.starts_with("flag ")) return fmt::format("--{} {}", key, value.text);
    if (value.origin.starts_with("variable ")) return fmt::format("{}={}", variable_name(key), value.text);
    if (value.origin == "default") return fmt::format("{} = {} (the default)", key, value.text);
    return fmt::format("{}: {} = {}", value.origin, key, value.text);
}

std::string suggestion(const std::string& nearest) {
    return nearest.empty() ? "; `lockstep train --help` lists the keys"
                           : fmt::format("; did you mean {}?", nearest);
}

/// Throws for a key that the table has not: at its section's line if that is what is misspelled.
[[noreturn]] void throw_unknown_key(const std::filesystem::path& file, const FileOption& option) {
    const std::string section = option.key.substr(0, option.key.rfind('.'));
    std::vector<std::string_view> sections;
    for (const OptionSpec& spec : option_table()) sections.push_back(spec.key.substr(0, spec.key.find('.')));
    if (option.section_line > 0 && std::ranges::find(sections, section) == sections.end()) {
        throw ConfigError(fmt::format("{}:{}: unknown section [{}]{}; `lockstep train --help` lists the keys",
                                      file.string(), option.section_line, section,
                                      did_you_mean(section, sections)));
    }
    throw ConfigError(fmt::format("{}:{}: unknown key {}{}", file.string(), option.line, option.key,
                                  suggestion(nearest_key(option.key))));
}

Given from_file(const std::filesystem::path& file) {
    Given given;
    for (FileOption& option : read_option_file(file)) {
        if (!find_option(option.key)) throw_unknown_key(file, option);
        const std::string origin = fmt::format("{}:{}", file.string(), option.line);
        given.emplace_back(std::move(option.key), OptionValue{std::move(option.value), origin});
    }
    return given;
}

/// Several values of a repeated key are separated by semicolons in a variable, which can be set only once.
std::vector<std::string> split_repeated(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream input(text);
    for (std::string part; std::getline(input, part, ';');) parts.push_back(part);
    return parts;
}

Given from_environment(const std::vector<std::string>& environment) {
    std::vector<std::string> names;
    for (const OptionSpec& spec : option_table()) names.push_back(variable_name(spec.key));
    Given given;
    for (const std::string& entry : environment) {
        const std::size_t equals = entry.find('=');
        if (!entry.starts_with(kPrefix) || equals == std::string::npos) continue;
        const std::string name = entry.substr(0, equals);
        const std::string text = entry.substr(equals + 1);
        if (std::ranges::find(kOtherVariables, name) != std::end(kOtherVariables)) continue;
        const auto found = std::ranges::find(names, name);
        if (found == names.end()) {
            const std::vector<std::string_view> candidates(names.begin(), names.end());
            throw ConfigError(
                fmt::format("unknown variable {}{}; unset it", name, did_you_mean(name, candidates)));
        }
        if (text.empty()) continue;
        const OptionSpec& spec = option_table()[static_cast<std::size_t>(found - names.begin())];
        for (std::string& value : spec.repeated ? split_repeated(text) : std::vector{text}) {
            given.emplace_back(spec.key, OptionValue{std::move(value), "variable " + name});
        }
    }
    return given;
}

Given from_flags(const std::vector<std::pair<std::string, std::string>>& flags) {
    Given given;
    for (const auto& [key, text] : flags) {
        if (!find_option(key)) {
            throw ConfigError(fmt::format("unknown flag --{}{}", key, suggestion(nearest_key(key))));
        }
        given.emplace_back(key, OptionValue{text, "flag --" + key});
    }
    return given;
}

/// What `given` holds for the key, each value checked by itself.
std::vector<OptionValue> values_of(const OptionSpec& spec, const Given& given) {
    std::vector<OptionValue> values;
    for (const auto& [key, value] : given) {
        if (key != spec.key) continue;
        if (const std::string fault = fault_of(spec, value.text); !fault.empty()) {
            throw ConfigError(fmt::format("{}: {}", as_written(key, value), fault));
        }
        if (!values.empty() && !spec.repeated) {
            throw ConfigError(fmt::format("{}: the key was already given ({}); remove one of the two",
                                          as_written(key, value), as_written(key, values.front())));
        }
        values.push_back(value);
    }
    return values;
}

/// Whether the source of the highest precedence that gives the key gives it a value.
bool has_value(std::string_view key, std::span<const Given> all_given) {
    for (const Given& given : all_given) {
        const auto found = std::ranges::find(given, key, &Given::value_type::first);
        if (found != given.end()) return !found->second.text.empty();
    }
    return false;
}

}  // namespace

const ResolvedOption& ResolvedOptions::at(std::string_view key) const {
    const auto found = std::ranges::find(options_, key, &ResolvedOption::key);
    if (found == options_.end()) throw std::logic_error(fmt::format("no option is called {}", key));
    return *found;
}

const std::string& ResolvedOptions::text(std::string_view key) const {
    static const std::string kEmpty;
    const ResolvedOption& option = at(key);
    return option.values.empty() ? kEmpty : option.values.front().text;
}

bool ResolvedOptions::given(std::string_view key) const {
    const ResolvedOption& option = at(key);
    return !option.values.empty() && option.values.front().origin != "default";
}

std::string ResolvedOptions::place(std::string_view key) const {
    const ResolvedOption& option = at(key);
    return option.values.empty() ? std::string(key) : as_written(key, option.values.front());
}

ResolvedOptions resolve_options(const OptionSources& sources) {
    // Highest precedence first.
    const Given all_given[] = {from_flags(sources.flags), from_environment(sources.environment),
                               sources.config_file.empty() ? Given{} : from_file(sources.config_file)};

    std::vector<ResolvedOption> options;
    for (const OptionSpec& spec : option_table()) {
        ResolvedOption option{std::string(spec.key), {}};
        for (const Given& given : all_given) {
            // A source that is overruled is still checked: a wrong value is a wrong value.
            std::vector<OptionValue> values = values_of(spec, given);
            if (option.values.empty()) option.values = std::move(values);
        }
        if (option.values.empty()) {
            if (spec.required && (spec.unless.empty() || !has_value(spec.unless, all_given))) {
                throw ConfigError(fmt::format(
                    "{} is not given; it is {}: {}. Set it in {}, or by --{}", spec.key, rule_text(spec),
                    help_of(spec),
                    sources.config_file.empty() ? "the configuration file" : sources.config_file.string(),
                    spec.key));
            }
            option.values.push_back({std::string(spec.default_text), "default"});
        }
        options.push_back(std::move(option));
    }
    return {sources.config_file.stem().string(), std::move(options)};
}

std::vector<std::string> process_environment() {
    std::vector<std::string> entries;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) entries.emplace_back(*entry);
    return entries;
}

std::string to_bytes(const ResolvedOptions& options) {
    std::ostringstream stream;
    boost::archive::binary_oarchive archive(stream, boost::archive::no_header);
    archive << options;
    return stream.str();
}

ResolvedOptions options_from_bytes(const std::string& bytes) {
    std::istringstream stream(bytes);
    boost::archive::binary_iarchive archive(stream, boost::archive::no_header);
    ResolvedOptions options;
    archive >> options;
    return options;
}

}  // namespace lockstep
