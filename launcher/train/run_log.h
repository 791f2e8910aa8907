// A run's directory and what is logged there: run.json, metrics.jsonl with metrics.csv and TensorBoard's
// event files, ledger.jsonl, result.json. Rank 0 alone holds one.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "launcher/recovery/ledger.h"
#include "launcher/run/run_directory.h"
#include "launcher/telemetry/event_file.h"
#include "launcher/telemetry/metrics.h"

namespace lockstep {

/// The files of a run directory. Every line is flushed as it is written, so that a killed run keeps its log.
class RunLog {
  public:
    /// Makes run.json of `record` and the empty logs. Call it after everything that can be refused has been
    /// checked. Throws ConfigError where they cannot be written, and then leaves nothing behind.
    RunLog(RunDirectory dir, const nlohmann::ordered_json& record);
    /// Goes on with the logs behind the lines of steps up to `step`: later ones are of steps that are lost.
    /// Throws ConfigError.
    RunLog(RunDirectory dir, const nlohmann::ordered_json& record, std::size_t step);
    /// Metrics go into an event file for TensorBoard, too, from now on: after step `step`. Throws
    /// ConfigError.
    void begin_event_file(std::size_t step) { events_.emplace(files() / kTensorBoard, step); }

    [[nodiscard]] const std::filesystem::path& dir() const { return dir_.path(); }
    /// Where this run's files are: in dir(), or below it until publish() where they are to replace an older
    /// run.
    [[nodiscard]] const std::filesystem::path& files() const { return dir_.files(); }
    [[nodiscard]] std::filesystem::path model_path() const { return files() / kModelFile; }
    /// The model is written and the run at its end: what it replaces goes. Throws CheckpointError.
    void publish() { dir_.publish(); }

    void write(const Metrics& metrics);
    void write(const LedgerLine& line);

    /// Writes result.json: what train prints with --json. Throws CheckpointError.
    void write_result(const nlohmann::json& result) const;

  private:
    void open(const char* mode);
    void write_record(const nlohmann::ordered_json& record) const;
    struct Close {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };
    using File = std::unique_ptr<std::FILE, Close>;

    RunDirectory dir_;
    File metrics_;
    File csv_;
    File ledger_;
    std::optional<EventFile> events_;
};

}  // namespace lockstep
