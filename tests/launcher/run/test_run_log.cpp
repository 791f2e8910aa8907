// A run's directory and its files.
#include "launcher/train/run_log.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>
#include <vector>

#include "core/base/error.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/progress.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::content_of;
using lockstep::testing::message_of;
using lockstep::testing::TemporaryFolder;
using nlohmann::json;

namespace {

ResolvedOptions options_with(const std::string& dir, const std::string& overwrite = "false") {
    return resolve_options({{},
                            {{"data.source", "xor"},
                             {"network.layer", "dense units=1 activation=sigmoid"},
                             {"network.loss", "square_error"},
                             {"training.epochs", "1"},
                             {"optimizer.learning_rate", "0.1"},
                             {"run.dir", dir},
                             {"run.overwrite", overwrite}},
                            {}});
}

std::filesystem::path chosen(const ResolvedOptions& options) {
    return choose_run_dir(make_config(options), options, std::chrono::system_clock::time_point{});
}

RunDirectory claimed(const ResolvedOptions& options) {
    return {make_config(options), options, std::chrono::system_clock::time_point{}};
}

}  // namespace

TEST_CASE("metrics: one JSON object a line, with what was measured and nothing else") {
    Metrics metrics;
    metrics.event = "epoch";
    metrics.epoch = 2;
    metrics.step = 14;
    metrics.samples = 130;
    metrics.seconds = 0.5;
    metrics.train_loss = 0.25;
    metrics.test_accuracy = 0.75;
    CHECK(
        to_json(metrics).dump() ==
        R"({"event":"epoch","epoch":2,"step":14,"samples":130,"seconds":0.5,"train_loss":0.25,"test_accuracy":0.75})");
}

TEST_CASE("run log: the record and the lines are there as soon as they are written") {
    const TemporaryFolder folder;
    const ResolvedOptions options = options_with((folder / "deep/run").string());
    RunFacts facts;
    facts.ranks = 2;
    facts.hosts = {"a", "b"};
    facts.train_data = "a set";
    facts.train_digest = "0123";
    RunLog log(claimed(options), run_record(options, facts));
    Metrics metrics;
    metrics.event = "start";
    log.write(metrics);
    log.write(LedgerLine{.epoch = 1, .step = 7, .model = Digest128{1, 2}, .gradient = {}, .parameters = {}});

    const json record = json::parse(content_of(folder / "deep/run/run.json"));
    CHECK(record["ranks"] == 2);
    CHECK(record["hosts"] == json{"a", "b"});
    CHECK(record["train_data"]["digest"] == "0123");
    CHECK(record["options"]["training.epochs"]["origin"] == "flag --training.epochs");
    for (const char* key :
         {"lockstep", "compiler", "mpi_library", "instruction_set", "cpu_model", "started"}) {
        CHECK(record[key].is_string());
    }
    CHECK(json::parse(content_of(folder / "deep/run/metrics.jsonl"))["event"] == "start");
    CHECK(content_of(folder / "deep/run/ledger.jsonl") ==
          R"({"epoch":1,"step":7,"digest":"00000000000000010000000000000002"})"
          "\n");
    CHECK(log.model_path() == folder / "deep/run/model.lockstep");
}

TEST_CASE("run log: one that goes on keeps the lines of the steps that are not lost") {
    const TemporaryFolder folder;
    const ResolvedOptions options = options_with((folder / "run").string());
    const auto record = run_record(options, {});
    {
        RunLog log(claimed(options), record);
        for (const std::uint64_t step : {0, 3, 5, 7}) {
            Metrics metrics;
            metrics.event = "step";
            metrics.step = step;
            log.write(metrics);
            log.write(LedgerLine{
                .epoch = 1, .step = step, .model = Digest128{1, 2}, .gradient = {}, .parameters = {}});
        }
        // Of the best parameters, at the end of a run that was killed before it had its model.
        log.write(
            LedgerLine{.epoch = 1, .step = 3, .model = Digest128{3, 4}, .gradient = {}, .parameters = {}});
    }
    // The last line of a killed run, and others that are none of ours.
    std::ofstream(folder / "run/metrics.jsonl", std::ios::app) << R"({"event":"step","step":"3"})" << '\n'
                                                               << R"({"event":2,"step":-1})" << '\n'
                                                               << "[3]\n"
                                                               << R"({"event":"st)";
    CHECK(files_of_run(folder / "run") == folder / "run");
    RunLog log(RunDirectory::of_run(folder / "run"), run_record_going_on(record, options, {}, 5), 5);
    Metrics metrics;
    metrics.event = "resume";
    metrics.step = 5;
    log.write(metrics);
    std::vector<std::string> events;
    std::istringstream lines(content_of(folder / "run/metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
        events.push_back(json::parse(line)["event"].get<std::string>() + json::parse(line)["step"].dump());
    }
    CHECK(events == std::vector<std::string>{"step0", "step3", "step5", "resume5"});
    const std::string ledger = content_of(folder / "run/ledger.jsonl");
    CHECK_FALSE(contains(ledger, R"("step":7)"));
    CHECK_FALSE(contains(ledger, Digest128{3, 4}.hex()));
    CHECK(json::parse(content_of(folder / "run/run.json"))["sessions"][0]["from_step"] == 5);
}

TEST_CASE("run directory: choosing one makes nothing") {
    const TemporaryFolder folder;
    CHECK(chosen(options_with((folder / "run").string())) == folder / "run");
    CHECK_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_CASE("run directory: an existing run is kept unless overwriting is asked for") {
    const TemporaryFolder folder;
    const std::string dir = (folder / "run").string();
    std::filesystem::create_directory(dir);
    CHECK(chosen(options_with(dir)) == dir);  // a folder that holds no run

    {
        const RunLog log(claimed(options_with(dir)), run_record(options_with(dir), {}));
        CHECK(contains(message_of<ConfigError>([&] { claimed(options_with(dir, "true")); }),
                       "is writing there"));
        CHECK(contains(message_of<ConfigError>([&] { chosen(options_with(dir)); }), "no model"));
        std::ofstream(log.model_path()) << "old";
        std::ofstream(folder / "run/notes.txt") << "mine";
    }
    CHECK(contains(message_of<ConfigError>([&] { chosen(options_with(dir)); }), "already holds a run"));
    CHECK(contains(message_of<ConfigError>([&] { chosen(options_with(dir)); }), "--run.overwrite true"));

    {
        const RunLog failed(claimed(options_with(dir, "true")), run_record(options_with(dir, "true"), {}));
        std::ofstream(failed.model_path()) << "half";
    }
    CHECK(content_of(folder / "run/model.lockstep") == "old");
    RunLog log(claimed(options_with(dir, "true")), run_record(options_with(dir, "true"), {}));
    CHECK_FALSE(std::filesystem::exists(log.model_path()));
    std::ofstream(log.model_path()) << "new";
    CHECK(content_of(folder / "run/model.lockstep") == "old");
    log.write_result({{"step", 1}});
    log.publish();
    CHECK(content_of(folder / "run/model.lockstep") == "new");
    CHECK_FALSE(std::filesystem::exists(folder / "run/unfinished"));
    CHECK(content_of(folder / "run/notes.txt") == "mine");
}

TEST_CASE("run directory: what cannot be one is refused") {
    const TemporaryFolder folder;
    std::ignore = folder.write("file", "");
    CHECK(contains(message_of<ConfigError>([&] { chosen(options_with((folder / "file").string())); }),
                   "is a file"));
    const ResolvedOptions below = options_with((folder / "file/run").string());
    CHECK(contains(message_of<ConfigError>([&] { claimed(below); }), "Not a directory"));
}

TEST_CASE("run directory: without a name it is of the configuration and the time, and free") {
    const TemporaryFolder folder;
    const auto here = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    const std::filesystem::path first = chosen(options_with(""));
    std::filesystem::create_directories(first);
    const std::filesystem::path second = chosen(options_with(""));
    std::filesystem::current_path(here);
    CHECK(first.parent_path() == "runs");
    CHECK(second == first.string() + "-2");
}

TEST_CASE("progress: lines on a file, a bar where there is to be one; silence where it is silent") {
    const TemporaryFolder folder;
    const auto written = [&](Progress::Style style) {
        std::FILE* file = std::fopen((folder / "out").c_str(), "w");
        REQUIRE(file != nullptr);
        CHECK_FALSE(reaches_terminal(file));
        Progress progress(style, file);
        RunProgress at;
        at.epoch = at.step = 1;
        at.epochs = 3;
        at.steps = 2;
        at.loss = 0.5;
        progress.update(at);
        progress.line("epoch 1 done");
        std::fclose(file);
        return content_of(folder / "out");
    };
    CHECK(written(Progress::Style::kLines) == "epoch 1/3  step 1/2  loss 0.50000\nepoch 1 done\n");
    CHECK(written(Progress::Style::kSilent).empty());
    const std::string bar = written(Progress::Style::kBar);
    CHECK(contains(bar, "epoch 1/3 [####################--------------------]  50 %  loss 0.50000"));
    CHECK(bar.ends_with("epoch 1 done\n"));
}
