#include "launcher/commands/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <span>
#include <sstream>

#include "core/base/error.h"
#include "core/base/spelling.h"
#include "launcher/commands/own_flags.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace po = boost::program_options;

namespace {

constexpr std::string_view kFiles = "files";

const Subcommand& find_subcommand(const std::string& name) {
    const auto found = std::ranges::find(subcommands(), name, &Subcommand::name);
    if (found != subcommands().end()) return *found;
    std::vector<std::string_view> names;
    for (const Subcommand& subcommand : subcommands()) names.push_back(subcommand.name);
    throw ConfigError(fmt::format("unknown subcommand {}{}; `lockstep --help` lists them", name,
                                  did_you_mean(name, names)));
}

const OwnFlag* find_flag(const Subcommand& subcommand, std::string_view name) {
    const auto found = std::ranges::find(subcommand.flags, name, &OwnFlag::name);
    return found == subcommand.flags.end() ? nullptr : &*found;
}

[[noreturn]] void throw_unknown_flag(const Subcommand& subcommand, std::string_view flag) {
    const std::string_view name = flag.substr(std::min(flag.size(), flag.find_first_not_of('-')));
    std::vector<std::string_view> names{"help", "help-all"};
    for (const OwnFlag& own : subcommand.flags) names.push_back(own.name);
    std::string nearest = nearest_spelling(name, names);
    if (nearest.empty() && (subcommand.takes_config || subcommand.takes_run)) nearest = nearest_key(name);
    throw ConfigError(fmt::format(
        "unknown flag {} of lockstep {}{}; `lockstep {} --help` lists them", flag, subcommand.name,
        nearest.empty() ? "" : fmt::format(" (did you mean --{}?)", nearest), subcommand.name));
}

po::parsed_options parse(const Subcommand& subcommand, const std::vector<std::string>& arguments) {
    po::options_description description;
    for (const OwnFlag& flag : subcommand.flags) {
        const std::string flag_name(flag.name);
        if (flag.value.empty()) {
            description.add_options()(flag_name.c_str(), "");
        } else {
            description.add_options()(flag_name.c_str(), po::value<std::string>());
        }
    }
    if (subcommand.takes_config || subcommand.takes_run) {
        for (const OptionSpec& spec : option_table()) {
            description.add_options()(std::string(spec.key).c_str(), po::value<std::string>());
        }
    }
    description.add_options()(std::string(kFiles).c_str(), po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add(std::string(kFiles).c_str(), -1);
    // No guessing of abbreviated names, and no single dashes, so that -1 can be a value.
    namespace style = po::command_line_style;
    try {
        return po::command_line_parser(arguments)
            .options(description)
            .positional(positional)
            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
            .run();
    } catch (const po::unknown_option& error) {
        throw_unknown_flag(subcommand, error.get_option_name());
    } catch (const po::error& error) {
        throw ConfigError(
            fmt::format("{}; `lockstep {} --help` says what each flag takes", error.what(), subcommand.name));
    }
}

Question question_of(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return Question::kNone;
    if (arguments.front() == "--version") return Question::kVersion;
    if (arguments.front() == "--man") return Question::kManPage;
    if (arguments.front() == "--bash-completion") return Question::kBashCompletion;
    const auto asks = [&](std::string_view flag) {
        return std::ranges::find(arguments, flag) != arguments.end();
    };
    if (asks("--help-all")) return Question::kHelpAll;
    if (asks("--help") || asks("-h") || arguments.front() == "help") return Question::kHelp;
    return Question::kNone;
}

void check_complete(const Subcommand& subcommand, const CommandInput& input,
                    const std::vector<std::string>& seen) {
    std::istringstream words{std::string(subcommand.arguments)};
    std::vector<std::string> wanted;
    for (std::string word; words >> word;) wanted.push_back(word);
    const bool more = !wanted.empty() && wanted.back().ends_with("…");
    if (!more && input.positional.size() > wanted.size()) {
        throw ConfigError(fmt::format("unexpected argument {}; usage: lockstep {} {}",
                                      input.positional[wanted.size()].string(), subcommand.name,
                                      subcommand.arguments));
    }
    // What stands in brackets may be left out.
    const auto needed = static_cast<std::size_t>(
        std::ranges::count_if(wanted, [](const std::string& word) { return !word.starts_with('['); }));
    if (input.positional.size() < needed) {
        throw ConfigError(fmt::format("lockstep {} needs {}; usage: lockstep {} {}", subcommand.name,
                                      wanted[input.positional.size()], subcommand.name,
                                      subcommand.arguments));
    }
    for (const OwnFlag& flag : subcommand.flags) {
        if (!flag.required || std::ranges::find(seen, flag.name) != seen.end()) continue;
        throw ConfigError(
            fmt::format("lockstep {} needs --{} {}: {}", subcommand.name, flag.name, flag.value, flag.help));
    }
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
    CommandLine line;
    line.question = question_of(arguments);
    const bool has_subcommand =
        !arguments.empty() && !arguments.front().starts_with('-') && arguments.front() != "help";
    if (has_subcommand) line.subcommand = &find_subcommand(arguments.front());
    if (line.question != Question::kNone) return line;
    if (line.subcommand == nullptr) {
        throw ConfigError(arguments.empty()
                              ? "no subcommand is given; `lockstep --help` lists them"
                              : fmt::format("unknown flag {} before the subcommand; `lockstep --help` "
                                            "lists the subcommands",
                                            arguments.front()));
    }

    std::vector<std::string> seen;
    for (const po::option& option :
         parse(*line.subcommand, {arguments.begin() + 1, arguments.end()}).options) {
        const std::string value = option.value.empty() ? "" : option.value.front();
        if (option.position_key >= 0) {
            if (value.starts_with('-') && value.size() > 1) throw_unknown_flag(*line.subcommand, value);
            line.input.positional.emplace_back(value);
        } else if (const OwnFlag* flag = find_flag(*line.subcommand, option.string_key); flag == nullptr) {
            line.input.config_flags.emplace_back(option.string_key, value);
        } else {
            if (!flag->repeated && std::ranges::find(seen, option.string_key) != seen.end()) {
                throw ConfigError(
                    fmt::format("--{} is given twice; remove one of the two", option.string_key));
            }
            seen.push_back(option.string_key);
            line.own_flags.emplace_back(option.string_key, value);
            set_own_flag(line.subcommand->name, line.input, option.string_key, value);
        }
    }
    check_complete(*line.subcommand, line.input, seen);
    return line;
}

}  // namespace lockstep
