// The manual page, in the language of man(7).
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "launcher/commands/help/flag_words.h"
#include "launcher/commands/help/help.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

constexpr std::string_view kNewParagraph = ".PP\n";

/// The first of the text's characters, taken from it. Well-formed UTF-8, as the sources are.
std::uint32_t take_character(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    if (first < 0x80U) return first;
    std::uint32_t character = first < 0xE0U ? first & 0x1FU : first < 0xF0U ? first & 0x0FU : first & 0x07U;
    for (; !text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U;
         text.remove_prefix(1))
        character = character << 6U | (static_cast<unsigned char>(text.front()) & 0x3FU);
    return character;
}

/// A character as the page has it, so that what is printed is what was written, and can be copied to a shell.
std::string roff(std::uint32_t character) {
    switch (character) {
        case '\\':
            return "\\e";
        case '-':
            return "\\-";
        case '\'':
            return "\\(aq";
        case '`':
            return "\\(ga";
        case '~':
            return "\\(ti";
        case '^':
            return "\\(ha";
        default:
            return character < 0x80U ? std::string(1, static_cast<char>(character))
                                     : fmt::format("\\[u{:04X}]", character);
    }
}

/// A word, which may be cut behind |,; where it is long, and is no request where it begins a line.
std::string roff_word(std::string_view word) {
    constexpr std::size_t kLongWord = 40;
    const bool is_long = word.size() > kLongWord;
    std::string written = word.starts_with('.') ? "\\&" : "";
    while (!word.empty()) {
        const std::uint32_t character = take_character(word);
        written += roff(character);
        if (is_long && (character == '|' || character == ',' || character == ';')) written += "\\:";
    }
    return written;
}

/// Text in lines of the length that people expect of a page's source.
std::string roff(std::string_view text) {
    constexpr std::size_t kColumns = 80;
    std::string written;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.size(), text.find(' '));
        const std::string word = roff_word(text.substr(0, end));
        const bool fits = column + 1 + word.size() <= kColumns;
        if (column > 0) written += fits ? ' ' : '\n';
        column = column > 0 && fits ? column + 1 + word.size() : word.size();
        written += word;
        text.remove_prefix(std::min(text.size(), end + 1));
    }
    return written;
}

std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", roff(text)); }
std::string italic(std::string_view text) { return fmt::format("\\fI{}\\fR", roff(text)); }

/// A term, already in the page's language, and what it means.
std::string tagged(std::string_view term, std::string_view text) {
    return fmt::format(".TP\n{}\n{}\n", term, roff(text));
}

std::string tagged(const FlagWords& words) {
    if (words.value.empty()) return tagged(bold(words.name), words.text);
    return tagged(fmt::format("{} {}", bold(words.name), italic(words.value)), words.text);
}

std::string section(std::string_view title, std::string_view text) {
    if (text.starts_with(kNewParagraph)) text.remove_prefix(kNewParagraph.size());
    return fmt::format(".SH {}\n{}", title, text);
}

std::string paragraph(std::string_view text) { return fmt::format("{}{}\n", kNewParagraph, roff(text)); }

std::string subcommands_text() {
    std::string text = paragraph("Those that train or compute run alone or under mpirun or srun.");
    for (const Subcommand& subcommand : subcommands()) {
        text += fmt::format(".SS \"{}{}{}\"\n{}.\n", roff(subcommand.name),
                            subcommand.arguments.empty() ? "" : " ", roff(subcommand.arguments),
                            roff(subcommand.help));
        if (subcommand.takes_config) {
            text += paragraph("Takes every key of the configuration as a flag.");
        } else if (subcommand.takes_run) {
            text += paragraph(
                "Takes every key of the run's configuration as a flag: those that change no "
                "bit freely, the others with --allow KEY.");
        }
        for (const OwnFlag& flag : subcommand.flags) text += tagged(words_of(flag));
    }
    return text;
}

std::string keys_text() {
    std::string text = paragraph(
        "CONFIG is an INI file. A key `momentum` in its section `[optimizer]` is also the flag "
        "--optimizer.momentum and the variable LOCKSTEP_OPTIMIZER_MOMENTUM; precedence: flag, variable, "
        "file, default.");
    std::string_view last;
    for (const OptionSpec& spec : option_table()) {
        if (section_of(spec) != last) text += fmt::format(".SS \"[{}]\"\n", section_of(spec));
        last = section_of(spec);
        text += tagged(words_of(spec));
    }
    return text;
}

std::string variables_text() {
    return tagged(fmt::format("{}{}{}{}", bold("LOCKSTEP_"), italic("SECTION"), bold("_"), italic("KEY")),
                  "The key of that section, where no flag gives it.") +
           tagged(bold("LOCKSTEP_ISA"),
                  "An instruction set that the kernels are to use, as scalar, avx2 or avx512; the bits are "
                  "the same with each. lockstep info lists those of this CPU.") +
           tagged(bold("OMP_NUM_THREADS"), "Threads of a rank where training.threads is 0.") +
           tagged(bold("COLUMNS"), "The width of help texts.");
}

std::string exit_codes_text() {
    std::string text;
    for (const ExitWords& words : exit_words())
        text += tagged(bold(std::to_string(static_cast<int>(words.code))), words.meaning);
    return text;
}

std::string signals_text() {
    return tagged(bold("SIGTERM, SIGINT, SIGHUP, SIGUSR1"),
                  "A run saves a checkpoint after the step at hand and leaves with exit code 75.") +
           tagged(bold("SIGUSR2"), "A run saves a checkpoint and goes on.");
}

std::string files_text() {
    constexpr std::string_view kRun = "run.dir/";
    return tagged(italic(fmt::format("{}run.json", kRun)),
                  "The run: configuration, versions, ranks, hosts, data.") +
           tagged(italic(fmt::format("{}metrics.jsonl", kRun)), "Its log, a JSON object a line.") +
           tagged(italic(fmt::format("{}ledger.jsonl", kRun)), "Digests of its steps.") +
           tagged(italic(fmt::format("{}checkpoints", kRun)), "What lockstep resume goes on from.") +
           tagged(italic(fmt::format("{}model.lockstep", kRun)), "The trained network.") +
           tagged(italic("share/lockstep"),
                  "Beside the program's bin: example configurations, and scripts, among them job scripts for "
                  "Slurm and PBS.");
}

/// A line to type, and what it does.
std::string example(std::string_view line, std::string_view text) {
    return fmt::format("{}.PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", paragraph(text), roff(line));
}

}  // namespace

std::string man_page(std::time_t date) {
    std::string page =
        fmt::format(".TH LOCKSTEP 1 {:%Y-%m-%d} \"lockstep {}\" \"User Commands\"\n.nh\n.ad l\n",
                    fmt::gmtime(date), kVersion);
    page +=
        section("NAME", "lockstep \\- train neural networks under MPI, with the same bits on any ranks\n");
    page += section("SYNOPSIS", fmt::format("{} {} {} [{} {} ...]\n.br\n{} {} {} {} {} ...\n.br\n{} {}\n",
                                            bold("lockstep"), italic("SUBCOMMAND"), italic("FILES"),
                                            bold("--flag"), italic("value"), bold("mpirun -np"), italic("N"),
                                            bold("lockstep"), italic("SUBCOMMAND"), italic("FILES"),
                                            bold("lockstep"), bold("--help | --help-all | --version")));
    page += section(
        "DESCRIPTION",
        paragraph(
            "Every rank holds a replica of the network and takes its share of each global minibatch; the "
            "ranks add their gradients and take the same step. The trained weights are the same, bit "
            "for bit, on any number of ranks and threads and on any generation of x86-64 CPUs.") +
            paragraph("lockstep SUBCOMMAND --help says what a subcommand takes, in the terminal's width; "
                      "--help-all lists every key."));
    page += section("SUBCOMMANDS", subcommands_text());
    page += section("KEYS", keys_text());
    page += section("ENVIRONMENT", variables_text());
    page += section("FILES", files_text());
    page += section("\"EXIT STATUS\"", exit_codes_text());
    page += section("SIGNALS", signals_text());
    page += section("EXAMPLES", example("lockstep plan letters.ini --ranks 2", "What a run would do:") +
                                    example("mpirun -np 2 lockstep train letters.ini --run.dir runs/letters",
                                            "To train on two ranks:") +
                                    example("lockstep resume runs/letters",
                                            "To go on with it after a kill, here on one rank:") +
                                    example("lockstep digest runs/letters/model.lockstep",
                                            "128 bits that are equal where the weights are:"));
    page += section("\"SEE ALSO\"", ".BR mpirun (1),\n.BR srun (1),\n.BR sbatch (1)\n");
    return page;
}

}  // namespace lockstep
