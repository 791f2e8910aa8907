// The help texts, made from the tables of subcommands and keys.
#include <fmt/format.h>

#include "launcher/commands/command_line.h"
#include "launcher/options/options_table.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

std::string flag_line(std::string_view name, std::string_view help) {
    constexpr std::size_t kHelpColumn = 34;
    const std::string left = fmt::format("  {}", name);
    if (left.size() + 2 <= kHelpColumn) return fmt::format("{:<{}}{}\n", left, kHelpColumn, help);
    return fmt::format("{}\n{:<{}}{}\n", left, "", kHelpColumn, help);
}

std::string key_help(const OptionSpec& spec) {
    std::string text = help_of(spec);
    if (spec.kind != OptionKind::kText && spec.kind != OptionKind::kLayer) text += "; " + rule_text(spec);
    if (spec.required) {
        return fmt::format("{} (required{}{})", text, spec.repeated ? ", repeated in order" : "",
                           spec.unless.empty() ? "" : fmt::format(", but with {}", spec.unless));
    }
    return spec.default_text.empty() ? text : fmt::format("{} (default {})", text, spec.default_text);
}

}  // namespace

std::string help_text() {
    std::string text = fmt::format(
        "lockstep {}: trains neural networks under mpirun, with the same weights, bit for bit, on any number "
        "of ranks\n\n"
        "usage: lockstep SUBCOMMAND FILES [--flag value ...]\n\n",
        kVersion);
    for (const Subcommand& subcommand : subcommands()) {
        text += flag_line(fmt::format("{} {}", subcommand.name, subcommand.arguments), subcommand.help);
    }
    return text +
           "\n`lockstep SUBCOMMAND --help` lists its flags and keys; `lockstep --version` says the version.\n"
           "Exit codes: 0 done, 1 internal error, 2 usage, configuration or an output that cannot be\n"
           "written, 3 data, 4 model file, 5 NaN or Inf, 6 hang detected, 7 replicas\n"
           "differ, 75 stopped early with a checkpoint: `lockstep resume` goes on.\n";
}

std::string help_text(const Subcommand& subcommand) {
    std::string text =
        fmt::format("lockstep {} {}: {}\n\n", subcommand.name, subcommand.arguments, subcommand.help);
    for (const OwnFlag& flag : subcommand.flags) {
        text += flag_line(fmt::format("--{} {}", flag.name, flag.value),
                          fmt::format("{}{}", flag.help, flag.required ? " (required)" : ""));
    }
    if (!subcommand.takes_config && !subcommand.takes_run) return text;
    text +=
        subcommand.takes_run
            ? "\nKeys of the run's configuration, as flags: those that change no bit may change freely, the "
              "others\nwith --allow KEY. Variables are not read.\n"
            : "\nKeys of CONFIG, an INI file. A key `[optimizer] momentum` is also the flag "
              "--optimizer.momentum "
              "and the\n"
              "variable LOCKSTEP_OPTIMIZER_MOMENTUM; precedence: flag, variable, file, default.\n";
    std::string_view section;
    for (const OptionSpec& spec : option_table()) {
        const std::string_view of_key = spec.key.substr(0, spec.key.find('.'));
        if (of_key != section) text += "\n";
        section = of_key;
        text += flag_line(fmt::format("--{}", spec.key), key_help(spec));
    }
    return text;
}

}  // namespace lockstep
