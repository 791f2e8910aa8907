// A run's directory and what is logged there: run.json, metrics.jsonl, ledger.jsonl. Rank 0 alone holds one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launcher/options/options.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

/// What run.json says besides the resolved configuration. The fields every build knows are added by RunLog:
/// lockstep's version, compiler, MPI library, instruction set, CPU model.
struct RunFacts {
    std::string member;      ///< which of several networks of the configuration; "": the only one
    std::uint64_t seed = 1;  ///< which it is drawn from, where there are several
    std::size_t ranks = 1;
    std::vector<std::string> hosts;  ///< (ranks)
    std::size_t threads = 1;         ///< per rank
    std::string train_data;          ///< Dataset::description()
    std::string validation_data;     ///< "" where there is none
    std::string test_data;
    std::string train_digest;  ///< 32 hex digits of what was read, or "" where nothing computes it
    std::string validation_digest;
    std::string test_digest;
    std::size_t inputs = 0;              ///< of a sample, before preprocessing
    std::optional<float> input_divisor;  ///< Dataset::input_divisor()
    std::size_t parameter_count = 0;
    std::size_t steps_per_epoch = 0;
    bool promise_kept = true;  ///< false with comm.reduction = mpi
};

/// One line of metrics.jsonl; what was not measured is left out.
struct Metrics {
    std::string event;  ///< "start", "step", "epoch", "stop", "end"
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
    /// Makes run.json and the empty logs. Call it after everything that can be refused has been checked.
    /// Throws ConfigError where they cannot be written, and then leaves nothing behind.
    RunLog(RunDirectory dir, const ResolvedOptions& options, const RunFacts& facts);

    [[nodiscard]] const std::filesystem::path& dir() const { return dir_.path(); }
    /// Where this run's files are: in dir(), or below it until publish() where they are to replace an older
    /// run.
    [[nodiscard]] const std::filesystem::path& files() const { return dir_.files(); }
    [[nodiscard]] std::filesystem::path model_path() const { return files() / kModelFile; }
    /// The model is written and the run at its end: what it replaces goes. Throws CheckpointError.
    void publish() { dir_.publish(); }

    void write(const Metrics& metrics);
    /// {"step": …, "epoch": …, "digest": "…"} with the parameters' digest after that step.
    void write_digest(std::uint64_t epoch, std::uint64_t step, const std::string& digest_hex);

  private:
    struct Close {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };
    using File = std::unique_ptr<std::FILE, Close>;

    RunDirectory dir_;
    File metrics_;
    File ledger_;
};

}  // namespace lockstep
