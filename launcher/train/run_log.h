// A run's directory and what is logged there: run.json, metrics.jsonl, ledger.jsonl, result.json. Rank 0
// alone holds one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "launcher/recovery/ledger.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

/// One line of metrics.jsonl; what was not measured is left out.
struct Metrics {
    std::string event;  ///< "start", "resume", "step", "epoch", "checkpoint", "stop", "end"
    std::uint64_t epoch = 0;
    std::uint64_t step = 0;
    std::uint64_t samples = 0;                 ///< trained on since the start
    double seconds = 0.0;                      ///< since the start
    std::optional<double> training_seconds;    ///< of these, those in which steps were taken
    std::optional<double> samples_per_second;  ///< of training_seconds
    std::optional<float> learning_rate;        ///< of the last step
    // Of a step's reduction, on rank 0, where there are several ranks.
    std::optional<double> communication_alone;    ///< seconds with nothing to hide behind
    std::optional<double> communication_exposed;  ///< seconds waited for, the mean of an epoch's steps
    std::optional<double> communication_hidden_share;
    std::optional<double> compression_ratio;  ///< bytes of plain sums over the bytes sent, between hosts
    std::optional<double> gradient_norm;      ///< of the mean gradient: of a step's batch, or of an epoch
    std::optional<double> train_loss;
    std::optional<double> train_accuracy;
    std::optional<double> validation_loss;
    std::optional<double> validation_accuracy;
    std::optional<double> test_loss;
    std::optional<double> test_accuracy;
    std::optional<std::uint64_t> ranks;         ///< of the start and of each time the run goes on
    std::optional<std::uint64_t> ranks_before;  ///< of the latter: those it had
    std::optional<double> stalled_seconds;      ///< of a checkpoint: for which the training waited
    /// Of the end: "limit", "patience", "gradient"; of a stop: "request", "max_wall_time", "job_end".
    std::string stopped_by;
    std::optional<std::uint64_t> best_epoch;  ///< of the end: with the best score of the validation part
    std::optional<std::uint64_t>
        model_epoch;      ///< of the end: which epoch the losses, the accuracies and the model are from
    std::string warning;  ///< of the end: what went wrong with the training; "": nothing
};

/// One JSON object on one line, without a newline. Accuracies are fractions in [0, 1].
std::string to_json_line(const Metrics& metrics);

/// The files of a run directory. Every line is flushed as it is written, so that a killed run keeps its log.
class RunLog {
  public:
    /// Makes run.json of `record` and the empty logs. Call it after everything that can be refused has been
    /// checked. Throws ConfigError where they cannot be written, and then leaves nothing behind.
    RunLog(RunDirectory dir, const nlohmann::ordered_json& record);
    /// Goes on with the logs behind the lines of steps up to `step`: later ones are of steps that are lost.
    /// Throws ConfigError.
    RunLog(RunDirectory dir, const nlohmann::ordered_json& record, std::size_t step);

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
    File ledger_;
};

}  // namespace lockstep
