#include "launcher/train/run_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "comm/mpi_runtime.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/error.h"
#include "launcher/files/atomic_file.h"
#include "launcher/options/options_json.h"
#include "launcher/run/printing.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

std::string local_time(std::chrono::system_clock::time_point time, const char* format) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm fields{};
    localtime_r(&seconds, &fields);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &fields)};
}

Json run_json(const ResolvedOptions& options, const RunFacts& facts) {
    Json json{{"lockstep", kVersion},
              {"build_type", kBuildType},
              {"compiler", compiler()},
              {"mpi_library", MpiRuntime::library_version()},
              {"started", local_time(std::chrono::system_clock::now(), "%Y-%m-%dT%H:%M:%S%z")},
              {"ranks", facts.ranks},
              {"threads", facts.threads},
              {"hosts", facts.hosts},
              {"instruction_set", name(instruction_set())},
              {"cpu_model", cpu_model()},
              {"train_data", {{"description", facts.train_data}, {"digest", facts.train_digest}}},
              {"test_data", {{"description", facts.test_data}, {"digest", facts.test_digest}}},
              {"parameters", facts.parameter_count},
              {"steps_per_epoch", facts.steps_per_epoch},
              {"promise_kept", facts.promise_kept},
              {"configuration", options.config_name()},
              {"options", to_json(options)}};
    json["inputs"] = {{"count", facts.inputs}};
    if (facts.input_divisor) json["inputs"]["divided_by"] = *facts.input_divisor;
    if (!facts.member.empty()) {
        json["member"] = facts.member;
        json["seed"] = facts.seed;
    }
    if (!facts.validation_data.empty()) {
        json["validation_data"] = {{"description", facts.validation_data},
                                   {"digest", facts.validation_digest}};
    }
    return json;
}

/// A flushed line, or an error: a log that silently loses lines is none.
void write_line(std::FILE* file, const std::filesystem::path& path, const std::string& text) {
    if (std::fputs((text + "\n").c_str(), file) < 0 || std::fflush(file) != 0) {
        throw CheckpointError(
            fmt::format("cannot write {}: {}; check the free space", path.string(), std::strerror(errno)));
    }
}

}  // namespace

std::string to_json_line(const Metrics& metrics) {
    Json json{{"event", metrics.event},
              {"epoch", metrics.epoch},
              {"step", metrics.step},
              {"samples", metrics.samples},
              {"seconds", metrics.seconds}};
    const auto add = [&](const char* key, const std::optional<double>& value) {
        if (value) json[key] = *value;
    };
    add("training_seconds", metrics.training_seconds);
    add("samples_per_second", metrics.samples_per_second);
    // By its shortest decimals, as it was written in the configuration.
    if (metrics.learning_rate) json["learning_rate"] = std::stod(fmt::format("{}", *metrics.learning_rate));
    add("communication_alone", metrics.communication_alone);
    add("communication_exposed", metrics.communication_exposed);
    add("communication_hidden_share", metrics.communication_hidden_share);
    add("compression_ratio", metrics.compression_ratio);
    add("gradient_norm", metrics.gradient_norm);
    add("train_loss", metrics.train_loss);
    add("train_accuracy", metrics.train_accuracy);
    add("validation_loss", metrics.validation_loss);
    add("validation_accuracy", metrics.validation_accuracy);
    add("test_loss", metrics.test_loss);
    add("test_accuracy", metrics.test_accuracy);
    if (!metrics.stopped_by.empty()) json["stopped_by"] = metrics.stopped_by;
    if (metrics.best_epoch) json["best_epoch"] = *metrics.best_epoch;
    if (metrics.model_epoch) json["model_epoch"] = *metrics.model_epoch;
    if (!metrics.warning.empty()) json["warning"] = metrics.warning;
    return json.dump();
}

RunLog::RunLog(RunDirectory dir, const ResolvedOptions& options, const RunFacts& facts)
    : dir_(std::move(dir)) {
    dir_.clear();
    const auto open = [&](const char* file) {
        std::FILE* stream = std::fopen((files() / file).c_str(), "we");
        if (stream == nullptr) {
            throw ConfigError(fmt::format("cannot write {}: {}; choose another run.dir",
                                          (files() / file).string(), std::strerror(errno)));
        }
        return File(stream);
    };
    metrics_ = open("metrics.jsonl");
    ledger_ = open("ledger.jsonl");
    AtomicFile file(files() / kRunFile, ExitCode::kUsage);
    file.write(json_text(run_json(options, facts), 2) + "\n");
    file.commit();
    dir_.keep();
}

void RunLog::write(const Metrics& metrics) {
    write_line(metrics_.get(), files() / "metrics.jsonl", to_json_line(metrics));
}

void RunLog::write(const LedgerLine& line) {
    write_line(ledger_.get(), files() / "ledger.jsonl", to_json_line(line));
}

}  // namespace lockstep
