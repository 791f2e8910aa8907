#include "launcher/commands/help/help.h"

#include <fmt/format.h>

#include <cstdlib>

#include "core/base/number.h"
#include "launcher/commands/help/flag_words.h"
#include "launcher/commands/help/wrapping.h"
#include "launcher/run/text.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

constexpr std::size_t kTextColumn = 34;
// Where the lines are shorter, what a flag is for stands below it.
constexpr std::size_t kFewestColumnsBeside = 72;
constexpr std::size_t kTextColumnBelow = 6;

constexpr std::string_view kConfigKeys =
    "Keys of CONFIG, an INI file. A key `[optimizer] momentum` is also the flag --optimizer.momentum and the "
    "variable LOCKSTEP_OPTIMIZER_MOMENTUM; precedence: flag, variable, file, default.";
constexpr std::string_view kRunKeys =
    "Keys of the run's configuration, as flags: those that change no bit may change freely, the others with "
    "--allow KEY. Variables are not read.";

std::string lines(std::string_view text, std::size_t columns) { return wrapped(text, columns) += '\n'; }

std::string listed(const FlagWords& words, std::size_t columns) {
    constexpr std::size_t kNameColumn = 2;
    std::string line(kNameColumn, ' ');
    line += wrapped(fmt::format("{}{}{}", words.name, words.value.empty() ? "" : " ", words.value), columns,
                    2 * kNameColumn, kNameColumn);
    const bool beside = columns >= kFewestColumnsBeside;
    const std::size_t column = beside ? kTextColumn : kTextColumnBelow;
    const std::size_t length = character_count(line);
    if (beside && length + 2 <= column) {
        line.append(column - length, ' ');
    } else {
        line += '\n';
        line.append(column, ' ');
    }
    line += wrapped(words.text, columns, column, column);
    line += '\n';
    return line;
}

std::string flags_text(const Subcommand& subcommand, std::size_t columns) {
    std::string text;
    for (const OwnFlag& flag : subcommand.flags) text += listed(words_of(flag), columns);
    return text;
}

/// The keys for which `is_shown`, sections apart.
template <class IsShown>
std::string keys_text(std::size_t columns, IsShown is_shown) {
    std::string text;
    std::string_view section;
    for (const OptionSpec& spec : option_table()) {
        if (!is_shown(spec)) continue;
        if (section_of(spec) != section) text += '\n';
        section = section_of(spec);
        text += listed(words_of(spec), columns);
    }
    return text;
}

std::string exit_codes_text() {
    std::string text = "Exit codes: ";
    for (const ExitWords& words : exit_words())
        text += fmt::format("{}{} {}", text.ends_with(' ') ? "" : ", ", static_cast<int>(words.code),
                            words.meaning);
    text += '.';
    return text;
}

/// Now, or what is to be taken for it where the same sources are to give the same files:
/// reproducible-builds.org.
std::time_t date_of_page() {
    const char* told = std::getenv("SOURCE_DATE_EPOCH");
    const auto seconds = told ? parse_number<std::uint32_t>(told) : std::nullopt;
    return seconds ? static_cast<std::time_t>(*seconds) : std::time(nullptr);
}

}  // namespace

std::string help_text(std::size_t columns) {
    std::string text =
        lines(fmt::format("lockstep {}: trains neural networks under mpirun, with the same weights, "
                          "bit for bit, on any number of ranks\n\n"
                          "usage: lockstep SUBCOMMAND FILES [--flag value ...]\n",
                          kVersion),
              columns);
    for (const Subcommand& subcommand : subcommands()) {
        text += listed(
            {std::string(subcommand.name), std::string(subcommand.arguments), std::string(subcommand.help)},
            columns);
    }
    text += '\n';
    text += lines(
        "`lockstep SUBCOMMAND --help` lists its flags and common keys, `--help-all` every key; "
        "`lockstep --version` says the version.",
        columns);
    text += lines(exit_codes_text(), columns);
    return text;
}

std::string help_text(const Subcommand& subcommand, std::size_t columns, bool all) {
    std::string text =
        lines(fmt::format("lockstep {}{}{}: {}\n", subcommand.name, subcommand.arguments.empty() ? "" : " ",
                          subcommand.arguments, subcommand.help),
              columns);
    text += flags_text(subcommand, columns);
    if (!takes_keys(subcommand)) return text;
    text += '\n';
    text += lines(subcommand.takes_run ? kRunKeys : kConfigKeys, columns);
    if (!all) {
        text += lines(
            fmt::format("These are the common ones; `lockstep {} --help-all` lists all.", subcommand.name),
            columns);
    }
    text += keys_text(columns, [&](const OptionSpec& spec) { return all || is_common(spec, subcommand); });
    return text;
}

std::string whole_help_text(std::size_t columns) {
    std::string text = help_text(columns);
    for (const Subcommand& subcommand : subcommands()) {
        if (subcommand.flags.empty()) continue;
        text += fmt::format("\nFlags of lockstep {}:\n{}", subcommand.name, flags_text(subcommand, columns));
    }
    text += '\n';
    text += lines(kConfigKeys, columns);
    text += keys_text(columns, [](const OptionSpec&) { return true; });
    return text;
}

std::string answer_text(const CommandLine& line) {
    switch (line.question) {
        case Question::kNone:
            return "";
        case Question::kVersion:
            return fmt::format("lockstep {}\n", kVersion);
        case Question::kManPage:
            return man_page(date_of_page());
        case Question::kBashCompletion:
            return bash_completion();
        case Question::kHelp:
        case Question::kHelpAll:
            break;
    }
    const bool all = line.question == Question::kHelpAll;
    const std::size_t columns = output_columns();
    if (line.subcommand != nullptr) return help_text(*line.subcommand, columns, all);
    return all ? whole_help_text(columns) : help_text(columns);
}

}  // namespace lockstep
