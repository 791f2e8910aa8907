// What the command line may say, and how what it may not say is refused.
#include "launcher/commands/command_line.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/base/error.h"
#include "launcher/commands/help/flag_words.h"
#include "launcher/commands/help/help.h"
#include "launcher/commands/help/wrapping.h"
#include "launcher/options/options_table.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::message_of;

namespace {

std::string refusal(const std::vector<std::string>& arguments) {
    return message_of<ConfigError>([&] { parse_command_line(arguments); });
}

}  // namespace

TEST_CASE("command line: files, own flags and keys of the configuration") {
    const CommandLine line =
        parse_command_line({"predict", "c.ini", "--model", "m", "--out=p.csv", "--set", "train",
                            "--training.epochs=3", "--optimizer.learning_rate", "0.1", "--json"});
    CHECK(line.subcommand->name == "predict");
    REQUIRE(line.input.positional.size() == 1);
    CHECK(line.input.positional[0] == "c.ini");
    CHECK(line.input.models == std::vector<std::filesystem::path>{"m"});
    CHECK(line.input.out == "p.csv");
    CHECK(line.input.set == "train");
    CHECK(line.input.json);
    CHECK(line.input.config_flags == std::vector<std::pair<std::string, std::string>>{
                                         {"training.epochs", "3"}, {"optimizer.learning_rate", "0.1"}});
}

TEST_CASE("command line: a value may start with a dash, layers may be repeated") {
    const CommandLine line =
        parse_command_line({"train", "c.ini", "--optimizer.learning_rate", "-1", "--network.layer",
                            "dense units=1", "--network.layer", "dense units=2"});
    REQUIRE(line.input.config_flags.size() == 3);
    CHECK(line.input.config_flags[0].second == "-1");
    CHECK(line.input.config_flags[2].second == "dense units=2");
}

TEST_CASE("command line: two files, ranks, layers, formats") {
    CHECK(parse_command_line({"diff", "a", "b"}).input.positional.size() == 2);
    CHECK(parse_command_line({"plan", "c.ini", "--ranks", "16"}).input.ranks == 16);
    CHECK(parse_command_line({"digest", "m", "--layers"}).input.layers);
    CHECK(parse_command_line({"export", "m", "--format", "npz", "--out", "o"}).input.format == "npz");
    CHECK(parse_command_line({"eval", "c.ini", "--model", "m"}).input.set == "test");
}

TEST_CASE("command line: help and version") {
    CHECK(parse_command_line({"--help"}).question == Question::kHelp);
    CHECK(parse_command_line({"help"}).question == Question::kHelp);
    CHECK(parse_command_line({"train", "-h"}).subcommand->name == "train");
    CHECK(parse_command_line({"train", "c.ini", "--help-all"}).question == Question::kHelpAll);
    CHECK(parse_command_line({"--version"}).question == Question::kVersion);
    CHECK(parse_command_line({"--man"}).question == Question::kManPage);
    CHECK(parse_command_line({"--bash-completion"}).question == Question::kBashCompletion);
    constexpr std::size_t kWide = 10000;
    for (const Subcommand& subcommand : subcommands()) {
        CHECK(contains(help_text(kWide), std::string(subcommand.help)));
        for (const OwnFlag& flag : subcommand.flags)
            CHECK(contains(help_text(subcommand, kWide, false), "--" + std::string(flag.name)));
    }
    for (const OptionSpec& spec : option_table())
        CHECK(contains(help_text(subcommands().front(), kWide, true), "--" + std::string(spec.key) + " "));
}

TEST_CASE("command line: what help lists as common keys are keys, and common to some subcommand") {
    for (const std::string_view key : common_keys()) {
        CAPTURE(key);
        const OptionSpec* spec = find_option(key);
        REQUIRE(spec != nullptr);
        CHECK(std::ranges::any_of(subcommands(), [&](const Subcommand& subcommand) {
            return takes_keys(subcommand) && is_common(*spec, subcommand);
        }));
    }
}

TEST_CASE("command line: help cuts lines at blanks, and words that are too long behind a bar or a comma") {
    CHECK(wrapped("one two three", 7) == "one two\nthree");
    CHECK(wrapped("one two three", 7, 2, 2) == "one\n  two\n  three");
    CHECK(wrapped("a\n\nb", 7, 2) == "a\n\n  b");
    CHECK(wrapped("is relu|tanh|step", 10) == "is relu|\ntanh|step");
    CHECK(wrapped("is uncuttable", 6) == "is\nuncuttable");
    CHECK(wrapped("ääää öö", 7) == "ääää öö");
}

TEST_CASE("command line: an unknown subcommand or flag is named with the nearest") {
    CHECK(contains(refusal({"trian"}), "unknown subcommand trian (did you mean 'train'?)"));
    CHECK(contains(refusal({}), "no subcommand"));
    CHECK(contains(refusal({"--json"}), "unknown flag --json before the subcommand"));
    CHECK(contains(refusal({"train", "c.ini", "--jsn"}),
                   "unknown flag --jsn of lockstep train (did you mean --json?)"));
    CHECK(contains(refusal({"train", "c.ini", "--optimizer.learnin_rate", "1"}),
                   "did you mean --optimizer.learning_rate?"));
    CHECK(contains(refusal({"train", "c.ini", "--momentum", "1"}), "did you mean --optimizer.momentum?"));
    CHECK(contains(refusal({"train", "c.ini", "-x"}), "unknown flag -x"));
    CHECK(contains(refusal({"digest", "m", "--training.epochs", "1"}),
                   "unknown flag --training.epochs of lockstep digest"));
}

TEST_CASE("command line: no abbreviations") {
    CHECK(contains(refusal({"plan", "c.ini", "--rank", "2"}), "did you mean --ranks?"));
}

TEST_CASE("command line: too few and too many files, missing and doubled flags, wrong values") {
    CHECK(contains(refusal({"train"}), "lockstep train needs CONFIG"));
    CHECK(contains(refusal({"diff", "a"}), "needs B"));
    CHECK(contains(refusal({"train", "a.ini", "b.ini"}), "unexpected argument b.ini"));
    CHECK(contains(refusal({"predict", "c.ini"}), "needs --out FILE"));
    CHECK(contains(refusal({"digest", "m", "--json", "--json"}), "--json is given twice"));
    CHECK(contains(refusal({"train", "c.ini", "--training.epochs"}), "training.epochs"));
    CHECK(contains(refusal({"plan", "c.ini", "--ranks", "0"}), "--ranks 0: must be a whole number from 1"));
    CHECK(contains(refusal({"export", "m", "--out", "o", "--format", "nzp"}), "did you mean 'npz'?"));
    CHECK(contains(refusal({"eval", "c.ini", "--model", "m", "--set", "tests"}),
                   "must be one of train, validation, test"));
}
