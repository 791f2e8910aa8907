// Where settings come from, and how a misuse is named.
#include "launcher/options/options.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/error.h"
#include "core/data/open_data.h"
#include "core/training/optimizer.h"
#include "launcher/options/options_json.h"
#include "launcher/options/options_table.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::message_of;
using lockstep::testing::TemporaryFolder;

namespace {

const std::string kGood =
    "# a comment\n"                                     // line 1
    "[data]\n"                                          // 2
    "source = xor\n"                                    // 3
    "[network]\n"                                       // 4
    "layer = dense units=2 activation=tanh  # first\n"  // 5
    "layer = dense units=1 activation=sigmoid\n"        // 6
    "loss = square_error\n"                             // 7
    "\n"                                                // 8
    "[training]\n"                                      // 9
    "epochs = 3\n"                                      // 10
    "[optimizer]\n"                                     // 11
    "learning_rate = 0.5\n";                            // 12

using Flags = std::vector<std::pair<std::string, std::string>>;

struct Case {
    TemporaryFolder folder;
    std::string text = kGood;
    Flags flags;
    std::vector<std::string> environment;

    ResolvedOptions resolve() {
        return resolve_options({folder.write("test.ini", text), flags, environment});
    }
    std::string message() {
        return message_of<ConfigError>([&] { resolve(); });
    }
    [[nodiscard]] std::string place(int line) const {
        return (folder / "test.ini").string() + ":" + std::to_string(line) + ": ";
    }
};

/// kGood with one line replaced or, with a number past its end, added.
std::string with_line(std::size_t number, const std::string& line) {
    std::istringstream input(kGood);
    std::string text;
    std::size_t at = 0;
    for (std::string old; std::getline(input, old);) text += (++at == number ? line : old) + "\n";
    return number > at ? text + line + "\n" : text;
}

}  // namespace

TEST_CASE("options: the file's values carry file and line, the rest their default") {
    Case test;
    const ResolvedOptions options = test.resolve();
    CHECK(options.config_name() == "test");
    CHECK(options.text("optimizer.learning_rate") == "0.5");
    CHECK(options.at("optimizer.learning_rate").values.front().origin ==
          (test.folder / "test.ini").string() + ":12");
    CHECK(options.text("training.leaf") == "32");
    CHECK(options.at("training.leaf").values.front().origin == "default");
    CHECK(options.given("training.epochs"));
    CHECK_FALSE(options.given("training.leaf"));
    CHECK(options.all().size() == option_table().size());
}

TEST_CASE("options: a flag goes before a variable, a variable before the file, the file before the default") {
    Case test;
    test.text = kGood + "momentum = 0.1\n";
    CHECK(test.resolve().text("optimizer.momentum") == "0.1");
    test.environment = {"LOCKSTEP_OPTIMIZER_MOMENTUM=0.2", "PATH=/bin"};
    CHECK(test.resolve().text("optimizer.momentum") == "0.2");
    CHECK(test.resolve().at("optimizer.momentum").values.front().origin ==
          "variable LOCKSTEP_OPTIMIZER_MOMENTUM");
    test.flags = {{"optimizer.momentum", "0.3"}};
    CHECK(test.resolve().text("optimizer.momentum") == "0.3");
    CHECK(test.resolve().at("optimizer.momentum").values.front().origin == "flag --optimizer.momentum");
}

TEST_CASE("options: an empty variable counts as not set") {
    Case test;
    test.environment = {"LOCKSTEP_TRAINING_EPOCHS="};
    CHECK(test.resolve().text("training.epochs") == "3");
}

TEST_CASE("options: layers are ordered, and flags replace the file's whole list") {
    Case test;
    auto layers = test.resolve().at("network.layer").values;
    REQUIRE(layers.size() == 2);
    CHECK(layers[0].text == "dense units=2 activation=tanh");
    CHECK(layers[1].text == "dense units=1 activation=sigmoid");
    CHECK(layers[1].origin == (test.folder / "test.ini").string() + ":6");

    test.flags = {{"network.layer", "dense units=7"},
                  {"network.layer", "dense units=8"},
                  {"network.layer", "dense units=9"}};
    layers = test.resolve().at("network.layer").values;
    REQUIRE(layers.size() == 3);
    CHECK(layers[0].text == "dense units=7");
    CHECK(layers[2].text == "dense units=9");

    test.flags.clear();
    test.environment = {"LOCKSTEP_NETWORK_LAYER=dense units=4;dense units=5"};
    layers = test.resolve().at("network.layer").values;
    REQUIRE(layers.size() == 2);
    CHECK(layers[1].text == "dense units=5");
}

TEST_CASE("options: an unknown key is named with its line and the nearest key") {
    Case test;
    test.text = with_line(12, "learning_rte = 0.5");
    CHECK(test.message().starts_with(test.place(12)));
    CHECK(contains(test.message(),
                   "unknown key optimizer.learning_rte; did you mean optimizer.learning_rate?"));
    test.text = with_line(13, "seed = 3");
    CHECK(contains(test.message(), "did you mean data.seed?"));
    test.text = with_line(13, "zzzzzz = 3");
    CHECK(contains(test.message(), "`lockstep train --help` lists the keys"));
    test.text = "epochs = 3\n";
    CHECK(contains(test.message(), "did you mean training.epochs?"));
}

TEST_CASE("options: an unknown section is named at its own line") {
    Case test;
    test.text = with_line(9, "[trainning]");
    CHECK(test.message().starts_with(test.place(9)));
    CHECK(contains(test.message(), "unknown section [trainning] (did you mean 'training'?)"));
}

TEST_CASE("options: an unknown flag and an unknown variable are named with the nearest") {
    Case test;
    test.flags = {{"optimizer.momentun", "0.1"}};
    CHECK(contains(test.message(), "unknown flag --optimizer.momentun; did you mean optimizer.momentum?"));
    test.flags.clear();
    test.environment = {"LOCKSTEP_TRAINING_EPOCS=3"};
    CHECK(contains(test.message(),
                   "unknown variable LOCKSTEP_TRAINING_EPOCS (did you mean 'LOCKSTEP_TRAINING_EPOCHS'?)"));
    test.environment = {"LOCKSTEP_ISA=avx2"};
    CHECK(test.message().empty());
}

TEST_CASE("options: a value that breaks its key's rule is named as it was written") {
    const auto message_at = [](std::size_t line, const std::string& text) {
        Case test;
        test.text = with_line(line, text);
        std::string message = test.message();
        CHECK(message.starts_with(test.place(static_cast<int>(line))));
        return message;
    };
    CHECK(contains(message_at(10, "epochs = 3x"), "training.epochs = 3x: must be a whole number from 0 up"));
    CHECK(contains(message_at(10, "epochs = -1"), "must be a whole number"));
    CHECK(contains(message_at(10, "epochs = 1e3"), "must be a whole number"));
    CHECK(contains(message_at(10, "epochs ="), "must be a whole number"));
    CHECK(contains(message_at(10, "leaf = 0"), "must be a whole number from 1 to 1048576"));
    CHECK(contains(message_at(10, "global_batch = 0"), "must be a whole number from 1 up, or all"));
    CHECK(contains(message_at(10, "global_batch = any"), ", or all"));
    CHECK(contains(message_at(12, "learning_rate = fast"), "must be a number above 0"));
    CHECK(contains(message_at(12, "learning_rate = 0"), "must be a number above 0"));
    CHECK(contains(message_at(12, "learning_rate = inf"), "must be a number above 0"));
    CHECK(contains(message_at(12, "learning_rate = nan"), "must be a number above 0"));
    CHECK(contains(message_at(12, "learning_rate = 1e40"), "must be a number above 0"));
    CHECK(contains(message_at(13, "momentum = 1"), "must be a number from 0 and below 1"));
    CHECK(contains(message_at(12, "name = sdg"),
                   "must be one of sgd, nesterov, adagrad, rmsprop, adadelta, adam, adamw, lars, lamb (did "
                   "you mean 'sgd'?)"));
    CHECK(contains(message_at(5, "layer = dense units=2 activation=rleu"), "did you mean 'relu'?"));

    Case test;
    test.flags = {{"training.epochs", "many"}};
    CHECK(test.message().starts_with("--training.epochs many: must be"));
    test.flags.clear();
    test.environment = {"LOCKSTEP_TRAINING_EPOCHS=many"};
    CHECK(test.message().starts_with("LOCKSTEP_TRAINING_EPOCHS=many: must be"));
}

TEST_CASE("options: a wrong value is an error even where another source overrules it") {
    Case test;
    test.text = with_line(10, "epochs = many");
    test.flags = {{"training.epochs", "3"}};
    CHECK(contains(test.message(), "training.epochs = many"));
}

TEST_CASE("options: a key given twice in one source is an error that names both places") {
    Case test;
    test.text = with_line(11, "epochs = 4\n[optimizer]");
    CHECK(test.message().starts_with(test.place(11)));
    CHECK(contains(test.message(), "already given (" + test.place(10)));
    test.text = kGood;
    test.flags = {{"training.epochs", "3"}, {"training.epochs", "3"}};
    CHECK(contains(test.message(), "already given"));
}

TEST_CASE("options: a line that is no section, key or comment is named") {
    Case test;
    test.text = with_line(10, "epochs 3");
    CHECK(test.message().starts_with(test.place(10)));
    CHECK(contains(test.message(), "'epochs 3' is neither [section], key = value, nor # comment"));
}

TEST_CASE("options: a required key that is missing is named with its meaning") {
    Case test;
    test.text = with_line(12, "");
    CHECK(contains(test.message(), "optimizer.learning_rate is not given; it is a number above 0"));
}

TEST_CASE("options: a file that is not there, and a folder in its place") {
    TemporaryFolder folder;
    CHECK(contains(message_of<ConfigError>([&] {
                       resolve_options({folder / "no.ini", {}, {}});
                   }),
                   "no.ini: No such file"));
    CHECK(contains(message_of<ConfigError>([&] {
                       resolve_options({folder.path(), {}, {}});
                   }),
                   "is a directory"));
}

TEST_CASE("options: bytes carry them to another rank unchanged") {
    Case test;
    test.flags = {{"run.dir", "a b\n\"c\""}};
    const ResolvedOptions options = test.resolve();
    CHECK(options_from_bytes(to_bytes(options)) == options);
    test.flags.clear();
    CHECK_FALSE(options_from_bytes(to_bytes(options)) == test.resolve());
}

TEST_CASE("options: as JSON they have their own types, and a repeated key is a list") {
    Case test;
    test.flags = {{"training.global_batch", "all"}, {"training.seed", "18446744073709551615"}};
    const nlohmann::ordered_json json = to_json(test.resolve());
    CHECK(json["training.epochs"]["value"] == 3);
    CHECK(json["training.global_batch"]["value"] == "all");
    CHECK(json["training.global_batch"]["origin"] == "flag --training.global_batch");
    CHECK(json["training.seed"]["value"] == 18446744073709551615ULL);
    CHECK(json["optimizer.learning_rate"]["value"] == 0.5);
    CHECK(json["run.overwrite"]["value"] == false);
    CHECK(json["network.layer"]["values"].size() == 2);
    CHECK(json["network.layer"]["origins"].size() == 2);
}

TEST_CASE("options: every default satisfies its own rule, and variables of different keys differ") {
    std::vector<std::string> names;
    for (const OptionSpec& spec : option_table()) {
        CAPTURE(std::string(spec.key));
        if (!spec.required) {
            CHECK(fault_of(spec, std::string(spec.default_text)).empty());
        }
        CHECK_FALSE(spec.help.empty());
        const std::string name = variable_name(spec.key);
        CHECK(std::ranges::find(names, name) == names.end());
        names.push_back(name);
    }
    CHECK(find_option("data.source")->choices.size() == data_source_names().size());
    CHECK(find_option("optimizer.name")->choices.size() == optimizer_names().size());
}

TEST_CASE("options: every key that an optimizer reads is in the table, and its help names the optimizer") {
    for (const std::string_view name : optimizer_names()) {
        for (const std::string_view word : optimizer_keys(name)) {
            CAPTURE(word);
            const OptionSpec* option = find_option(fmt::format("optimizer.{}", word));
            REQUIRE(option != nullptr);
            CHECK((option->help.find(name) != std::string_view::npos || word == "epsilon_place"));
        }
    }
    CHECK(find_option("optimizer.momentum")->help.starts_with("sgd, nesterov, rmsprop, lars: "));
    CHECK(find_option("optimizer.epsilon_place")
              ->help.ends_with("default: inside for adagrad, rmsprop, outside for adam, adamw, lamb"));
}
