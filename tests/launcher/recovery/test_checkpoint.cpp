// The files of a checkpoint: what is written is read, and what is damaged is refused.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "launcher/options/options_json.h"
#include "launcher/recovery/checkpoint_file.h"
#include "launcher/recovery/checkpoint_folder.h"
#include "launcher/recovery/run_record.h"
#include "launcher/train/run_state.h"
#include "tests/launcher/launcher_support.h"

using namespace lockstep;
using lockstep::testing::contains;
using lockstep::testing::content_of;
using lockstep::testing::message_of;
using lockstep::testing::TemporaryFolder;

namespace {

/// An array of 40 values in two parts, and one of which nothing is held.
struct Arrays {
    std::vector<float> values = std::vector<float>(40);
    std::vector<StateArray> arrays;

    Arrays() {
        std::iota(values.begin(), values.end(), 1.0F);
        const std::span<float> all(values);
        arrays = {{"parameters", {{{0, 7}, all.first(7)}, {{7, 33}, all.subspan(7)}}}, {"optimizer 0", {}}};
    }
};

Checkpoint checkpoint_of(const std::filesystem::path& folder, std::size_t step) {
    Checkpoint checkpoint;
    checkpoint.step = step;
    checkpoint.values = 40;
    checkpoint.run = {{"ranks", 3}};
    checkpoint.parts = {read_part(folder / part_name(0))};
    return checkpoint;
}

void overwrite(const std::filesystem::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
}

}  // namespace

TEST_CASE("checkpoint: a part and its manifest are read as they were written") {
    const TemporaryFolder folder;
    const Arrays arrays;
    write_part(folder / part_name(0), arrays.arrays);
    Checkpoint checkpoint = checkpoint_of(folder.path(), 12);
    checkpoint.error = 0.1;
    write_manifest(folder.path(), checkpoint);
    const Checkpoint read = read_manifest(folder.path());
    CHECK(read.step == 12);
    CHECK(read.values == 40);
    CHECK(read.run == checkpoint.run);
    CHECK(read.error == checkpoint.error);
    CHECK(read.parts == checkpoint.parts);
    CHECK(read.arrays() == std::vector<std::string>{"parameters"});
    verify_part(folder.path(), read.parts[0]);
    CHECK(read_block(folder.path(), read.parts[0], 1) ==
          std::vector<float>(arrays.values.begin() + 7, arrays.values.end()));
}

TEST_CASE("checkpoint: a byte that is another one anywhere, and a file that ends early, are found") {
    const TemporaryFolder folder;
    write_part(folder / part_name(0), Arrays().arrays);
    const Checkpoint checkpoint = checkpoint_of(folder.path(), 12);
    write_manifest(folder.path(), checkpoint);
    const std::string part = content_of(folder / part_name(0));
    const auto is_good = [&] {
        try {
            verify_part(folder.path(), read_manifest(folder.path()).parts[0]);
            return true;
        } catch (const CheckpointError&) {
            return false;
        }
    };
    REQUIRE(is_good());
    for (std::size_t i = 0; i < part.size(); ++i) {
        std::string damaged = part;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        overwrite(folder / part_name(0), damaged);
        CAPTURE(i);
        CHECK_FALSE(is_good());
    }
    overwrite(folder / part_name(0), part.substr(0, part.size() - 16));
    CHECK_FALSE(is_good());
    overwrite(folder / part_name(0), part);
    const std::string manifest = content_of(folder.path() / kManifestFile);
    for (std::size_t i = 0; i + 1 < manifest.size(); ++i) {
        std::string damaged = manifest;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x01);
        overwrite(folder.path() / kManifestFile, damaged);
        CAPTURE(i);
        CHECK_FALSE(is_good());
    }
    overwrite(folder.path() / kManifestFile, manifest.substr(0, manifest.size() / 2));
    CHECK_FALSE(is_good());
}

TEST_CASE("checkpoint: a manifest that promises more than there is, or leaves values out, is refused") {
    const TemporaryFolder folder;
    write_part(folder / part_name(0), Arrays().arrays);
    const auto message = [&](const Checkpoint& checkpoint) {
        return message_of<CheckpointError>([&] { write_manifest(folder.path(), checkpoint); });
    };
    Checkpoint wrong = checkpoint_of(folder.path(), 1);
    wrong.values = 41;
    CHECK(contains(message(wrong), "'parameters' has 40 values in place of 41"));
    wrong = checkpoint_of(folder.path(), 1);
    wrong.parts[0].blocks[1].range.first = 8;
    CHECK(contains(message(wrong), "has value 7 not once"));
    wrong = checkpoint_of(folder.path(), 1);
    wrong.parts[0].blocks[1].range.count = std::numeric_limits<std::size_t>::max();
    CHECK(contains(message(wrong), "are no block"));
    wrong = checkpoint_of(folder.path(), 1);
    wrong.parts[0].file = "../part-0";
    CHECK(contains(message(wrong), "is no name of a part"));
}

TEST_CASE("checkpoint: values within each other without end are refused, and take no stack") {
    const TemporaryFolder folder;
    constexpr std::size_t kDepth = 1'000'000;
    const std::string nested = std::string(kDepth, '[') + std::string(kDepth, ']');
    CHECK(contains(
        message_of<CheckpointError>([&] { parse_manifest(R"({"checksum":"","body":)" + nested + "}", "m"); }),
        "values within each other"));
    overwrite(folder / "run.json", R"({"options":)" + nested + "}");
    CHECK(contains(message_of<CheckpointError>([&] { read_run_record(folder.path()); }),
                   "values within each other"));
}

TEST_CASE("run record: what is there but of another kind is damaged") {
    const nlohmann::ordered_json wrong{{"subcommand", 3}, {"allowed", "data"}};
    CHECK(contains(message_of<CheckpointError>([&] { subcommand_of(wrong); }), "run.json is damaged"));
    CHECK(contains(message_of<CheckpointError>([&] { allowed_of(wrong); }), "run.json is damaged"));
    CHECK(contains(message_of<CheckpointError>([] { subcommand_of(nlohmann::ordered_json::array()); }),
                   "run.json is damaged"));
}

TEST_CASE("checkpoints: the newest stay, and the best; what is begun has no name yet") {
    const TemporaryFolder folder;
    const CheckpointFolder checkpoints(folder / "checkpoints");
    CHECK(checkpoints.steps().empty());
    for (const std::size_t step : {10, 20, 30, 40}) {
        const std::filesystem::path begun = checkpoints.begin(step);
        write_part(begun / part_name(0), Arrays().arrays);
        Checkpoint checkpoint = checkpoint_of(begun, step);
        checkpoint.error = step == 20 ? 0.5 : 0.75;
        write_manifest(begun, checkpoint);
        checkpoints.publish(step);
        CHECK(read_manifest(folder / "checkpoints/latest").step == step);
        checkpoints.prune(1, step);
    }
    CHECK(checkpoints.steps() == std::vector<std::size_t>{40, 20});
    CHECK(checkpoints.begin(50).filename() == ".step-000000050");
    CHECK(checkpoints.steps() == std::vector<std::size_t>{40, 20});
    checkpoints.remove_unfinished();
    CHECK(std::distance(std::filesystem::directory_iterator(folder / "checkpoints"), {}) == 3);
    // A damaged one that the run has gone on before takes no good one's place.
    std::filesystem::create_directory(checkpoints.of(60));
    checkpoints.prune(1, 40);
    CHECK(checkpoints.steps() == std::vector<std::size_t>{60, 40, 20});
}

TEST_CASE("checkpoint: where a run stands goes through JSON bit for bit") {
    RunState state;
    state.at = {3, 17, 2000, 0.1F};
    state.epoch_sum = {1.0 / 3.0, 7.0};
    state.epoch_samples = 12;
    state.scores.train = Score{0.1, 0.25, 100};
    state.scores.validation = Score{std::numeric_limits<double>::infinity(), std::nullopt, 5};
    state.learning_rate.adapted = 1.05;
    state.learning_rate.last_error = 1e-300;
    state.early_stopping.waited = 2;
    state.gradient_stopping.in_a_row = 3;
    state.course.steps = 17;
    state.course.last_epoch = Score{0.5, 0.5, 10};
    state.best = {2, 10, 1000, 0.2F};
    state.best_scores.test = Score{-0.0, 1.0, 9};
    state.ending = {Ending::kPatience, 2};
    CHECK(run_state_from_json(nlohmann::json::parse(to_json(state).dump())) == state);
    CHECK(run_state_from_json(nlohmann::json::parse(to_json(RunState()).dump())) == RunState());
    nlohmann::json json = to_json(state);
    for (const nlohmann::json& no_step : {nlohmann::json(1e60), nlohmann::json(-1), nlohmann::json(2.5)}) {
        json["at.step"] = no_step;
        CHECK_THROWS_AS(run_state_from_json(json), CheckpointError);
    }
    json["at.step"] = 17;
    json.erase("best.step");
    CHECK_THROWS_AS(run_state_from_json(json), CheckpointError);
}

TEST_CASE("checkpoint: what changes bits is refused where it changed, unless it is named; the rest is free") {
    const auto options = [](const std::string& key, const std::string& value) {
        std::vector<std::pair<std::string, std::string>> flags{
            {"data.source", "xor"},
            {"network.layer", "dense units=1 activation=sigmoid"},
            {"network.loss", "square_error"},
            {"training.epochs", "1"},
            {"optimizer.learning_rate", "1e-1"}};
        if (!key.empty()) flags.emplace_back(key, value);
        return resolve_options({{}, flags, {}});
    };
    const auto record = run_record(options("", ""), {});
    const RunIdentity before = RunIdentity::of(options("", ""), {});
    const auto message = [&](const std::string& key, const std::string& value,
                             std::vector<std::string> allowed = {}) {
        const RunIdentity now = RunIdentity::of(options_of(record, {{key, value}}), {});
        try {
            check_unchanged(before, now, allowed);
            return std::string();
        } catch (const CheckpointError& error) {
            return std::string(error.what());
        }
    };
    for (const char* free : {"training.threads", "comm.check_every", "run.log_every", "run.evaluate_every",
                             "training.micro_batch"}) {
        CAPTURE(free);
        CHECK(message(free, "64").empty());
    }
    CHECK(message("comm.shard", "optimizer").empty());
    CHECK(message("optimizer.learning_rate", "0.1").empty());
    CHECK(contains(message("optimizer.momentum", "0.5"), "--allow optimizer.momentum"));
    CHECK(message("optimizer.momentum", "0.5", {"optimizer.momentum"}).empty());
    CHECK(contains(message("training.seed", "7"), "training.seed was 1 where the run stood, and is 7 now"));
    RunFacts facts;
    facts.train_digest = "0123";
    CHECK_THROWS_AS(check_unchanged(before, RunIdentity::of(options("", ""), facts), {}), CheckpointError);
    check_unchanged(before, RunIdentity::of(options("", ""), facts), std::vector<std::string>{"data"});
    // Where the validation part is watched, how often it is scored decides when the run stops.
    const ResolvedOptions watched = options("training.patience", "3");
    CHECK(RunIdentity::of(watched, {}) !=
          RunIdentity::of(with_flags(watched, {{"run.evaluate_every", "2"}}), {}));
}
