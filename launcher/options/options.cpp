#include "launcher/options/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/spelling.h"
#include "launcher/options/config.h"
#include "launcher/options/config_paths.h"
#include "launcher/options/options_environment.h"
#include "launcher/options/options_file.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

/// The values that one source gives, in order.
using Given = std::vector<std::pair<std::string, OptionValue>>;

/// How the user wrote it: "xor.ini:7: training.leaf = 0", "--training.leaf 0", "LOCKSTEP_TRAINING_LEAF=0".
std::string as_written(std::string_view key, const OptionValue& value) {
    if (value.origin.starts_with("flag ")) return fmt::format("--{} {}", key, value.text);
    if (value.origin.starts_with("variable ")) return fmt::format("{}={}", variable_name(key), value.text);
    if (value.origin == "default") return fmt::format("{} = {} (the default)", key, value.text);
    return fmt::format("{}: {} = {}", value.origin, key, value.text);
}

std::string suggestion(std::string_view key) {
    const std::string nearest = nearest_key(key);
    if (nearest.empty()) return "; `lockstep train --help` lists the keys";
    return fmt::format("; did you mean {}?{}", nearest,
                       differ_in_case(key, nearest) ? " keys are written in lower case" : "");
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
                                  suggestion(option.key)));
}

/// What begins like a comment may be a part of what was meant: of a path, or the next one of a list.
void refuse_doubtful_comment(const OptionSpec& spec, const FileOption& option) {
    if (option.comment.empty() || option.quoted) return;
    if (spec.path) {
        throw ConfigError(
            fmt::format("'{0}' can be a comment or a part of the path; put the comment into a line of its "
                        "own, or quotes around the path, as in {1} = \"{2}\"",
                        option.comment, option.key.substr(option.key.find('.') + 1), option.value));
    }
    if (option.comment.starts_with(';') && (spec.repeated || spec.kind == OptionKind::kRates)) {
        throw ConfigError(fmt::format(
            "a ; begins a comment here, it does not separate values; {}, and begin a comment with #",
            spec.repeated ? "give each a line of its own" : "separate them by a comma and a blank"));
    }
}

Given from_file(const std::filesystem::path& file) {
    Given given;
    for (FileOption& option : read_option_file(file)) {
        const OptionSpec* spec = find_option(option.key);
        if (spec == nullptr) throw_unknown_key(file, option);
        const std::string origin = fmt::format("{}:{}", file.string(), option.line);
        try {
            refuse_doubtful_comment(*spec, option);
        } catch (const ConfigError& error) {
            throw ConfigError(fmt::format("{}: {} = {}: {}", origin, option.key, option.value, error.what()));
        }
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

/// The value of a flag or a variable, whose blanks and quotes are those of the file.
OptionValue value_of(const std::string& key, OptionValue given) {
    try {
        given.text = plain_value(given.text);
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("{}: {}", as_written(key, given), error.what()));
    }
    return given;
}

Given from_environment(const std::vector<std::string>& environment) {
    Given given;
    for (const KeyVariable& variable : key_variables(environment)) {
        const std::string origin = "variable " + variable.name;
        // Quotes may stand around a whole list, too, as in a container's file of variables.
        OptionValue whole = value_of(variable.key, {variable.text, origin});
        if (!find_option(variable.key)->repeated) {
            given.emplace_back(variable.key, std::move(whole));
            continue;
        }
        for (std::string& text : split_repeated(whole.text))
            given.emplace_back(variable.key, value_of(variable.key, {std::move(text), origin}));
    }
    return given;
}

Given from_flags(const std::vector<std::pair<std::string, std::string>>& flags) {
    Given given;
    for (const auto& [key, text] : flags) {
        if (!find_option(key)) {
            throw ConfigError(fmt::format("unknown flag --{}{}", key, suggestion(key)));
        }
        given.emplace_back(key, value_of(key, {text, "flag --" + key}));
    }
    return given;
}

VariableLookup lookup_in(const std::vector<std::string>& environment) {
    return [&environment](const std::string& name) -> std::optional<std::string> {
        for (const std::string& entry : environment) {
            if (entry.starts_with(name) && entry.substr(name.size()).starts_with('='))
                return entry.substr(name.size() + 1);
        }
        return std::nullopt;
    };
}

/// Why the value is none of the key, and how it should be written; "" where it is one.
std::string fault_in_words(const OptionSpec& spec, const OptionValue& value) {
    std::string fault = fault_of(spec, value.text);
    if (fault.empty()) return "";
    if (value.text.empty()) return "is empty: " + fault;
    const bool from_file = !value.origin.starts_with("flag ") && !value.origin.starts_with("variable ");
    if (from_file && value.text.find_first_of("#;") != std::string::npos)
        fault += "; a # or ; within a word is a part of it, put a blank before a comment";
    return fault;
}

/// What `given` holds for the key, each value checked by itself.
std::vector<OptionValue> values_of(const OptionSpec& spec, const Given& given,
                                   const VariableLookup& variable) {
    std::vector<OptionValue> values;
    for (const auto& [key, text] : given) {
        if (key != spec.key) continue;
        OptionValue value = text;
        try {
            if (spec.path) value.text = expand_path(value.text, variable);
        } catch (const ConfigError& error) {
            throw ConfigError(fmt::format("{}: {}", as_written(key, value), error.what()));
        }
        if (const std::string fault = fault_in_words(spec, value); !fault.empty()) {
            throw ConfigError(fmt::format("{}: {}", as_written(key, value), fault));
        }
        if (!values.empty() && !spec.repeated) {
            throw ConfigError(fmt::format("{}: the key was already given ({}); remove one of the two",
                                          as_written(key, value), as_written(key, values.front())));
        }
        values.push_back(std::move(value));
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
                               sources.config_file.empty() ? Given{} : from_file(sources.config_file),
                               sources.base};
    const VariableLookup variable = lookup_in(sources.environment);

    std::vector<LayeredOption> layered;
    for (const OptionSpec& spec : option_table()) {
        LayeredOption& option = layered.emplace_back(LayeredOption{std::string(spec.key), {}});
        // A source that is overruled is still checked: a wrong value is a wrong value.
        for (const Given& given : all_given) option.by_source.push_back(values_of(spec, given, variable));
        const bool is_given =
            std::ranges::any_of(option.by_source, [](const auto& values) { return !values.empty(); });
        if (!is_given && spec.required && (spec.unless.empty() || !has_value(spec.unless, all_given))) {
            throw ConfigError(fmt::format(
                "{} is not given; it is {}: {}. Set it in {}, or by --{}", spec.key, rule_text(spec),
                help_of(spec),
                sources.config_file.empty() ? "the configuration file" : sources.config_file.string(),
                spec.key));
        }
    }
    return settle(sources.config_file.stem().string(), layered);
}

ResolvedOptions with_flags(const ResolvedOptions& options,
                           const std::vector<std::pair<std::string, std::string>>& flags) {
    const Given given = from_flags(flags);
    const std::vector<std::string> environment = process_environment();
    std::vector<LayeredOption> layered;
    for (const ResolvedOption& option : options.all()) {
        layered.push_back(
            {option.key,
             {values_of(*find_option(option.key), given, lookup_in(environment)), option.values}});
    }
    return settle(options.config_name(), layered);
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
