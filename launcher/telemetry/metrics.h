// What is measured of a run: a line of metrics.jsonl, and its row of metrics.csv.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "launcher/telemetry/phase_report.h"
#include "launcher/telemetry/phases.h"

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
    // Of the run, or of it since it went on, at its end or where it stops. phases has one or the other.
    std::optional<PhaseReport> phases;
    std::optional<PhaseSeconds> epoch_phases;   ///< of an epoch: the means over the ranks
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

nlohmann::ordered_json to_json(const Metrics& metrics);

/// The heading of metrics.csv, and the row for a line of metrics.jsonl: each of its keys has a column, empty
/// where there is no such key; what is within "phases" is phases.data and so on, of each its mean. Without a
/// newline. RFC 4180.
std::string csv_heading();
std::string csv_row(const nlohmann::ordered_json& line);

}  // namespace lockstep
