#include "launcher/telemetry/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "launcher/run/text.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// Every key that a line may have; README.md says what each is.
constexpr std::array<std::string_view, 41> kColumns{"event",
                                                    "epoch",
                                                    "step",
                                                    "samples",
                                                    "seconds",
                                                    "training_seconds",
                                                    "samples_per_second",
                                                    "learning_rate",
                                                    "train_loss",
                                                    "train_accuracy",
                                                    "validation_loss",
                                                    "validation_accuracy",
                                                    "test_loss",
                                                    "test_accuracy",
                                                    "gradient_norm",
                                                    "communication_alone",
                                                    "communication_exposed",
                                                    "communication_hidden_share",
                                                    "compression_ratio",
                                                    "phases.data",
                                                    "phases.forward",
                                                    "phases.backward",
                                                    "phases.communication_exposed",
                                                    "phases.optimizer",
                                                    "phases.evaluation",
                                                    "phases.checkpoint",
                                                    "phases.other",
                                                    "phases_seconds",
                                                    "phases_steps",
                                                    "imbalance",
                                                    "straggler.rank",
                                                    "straggler.host",
                                                    "straggler.seconds_per_step",
                                                    "straggler.share",
                                                    "ranks",
                                                    "ranks_before",
                                                    "stalled_seconds",
                                                    "stopped_by",
                                                    "best_epoch",
                                                    "model_epoch",
                                                    "warning"};

/// A value of a row (RFC 4180, section 2).
std::string csv_value(const Json& value) {
    if (value.is_null()) return "";
    // What is no number has no spelling in JSON, and none here.
    if (!value.is_string()) return value.dump() == "null" ? "" : value.dump();
    return csv_field(value.get_ref<const std::string&>());
}

Json value_of(const Json& line, std::string_view column) {
    const std::size_t dot = column.find('.');
    const std::string key(column.substr(0, dot));
    if (!line.contains(key)) return {};
    const Json& value = line.at(key);
    if (dot == std::string_view::npos) return value;
    const std::string within(column.substr(dot + 1));
    if (!value.is_object() || !value.contains(within)) return {};
    const Json& part = value.at(within);
    return part.is_object() ? part.at("mean") : part;
}

}  // namespace

nlohmann::ordered_json to_json(const Metrics& metrics) {
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
    if (metrics.phases) add_phases(json, *metrics.phases);
    if (metrics.epoch_phases) {
        for (std::size_t phase = 0; phase < kPhases; ++phase)
            json["phases"][std::string(names_of<Phase>[phase])] = metrics.epoch_phases->of[phase];
    }
    if (metrics.ranks) json["ranks"] = *metrics.ranks;
    if (metrics.ranks_before) json["ranks_before"] = *metrics.ranks_before;
    add("stalled_seconds", metrics.stalled_seconds);
    if (!metrics.stopped_by.empty()) json["stopped_by"] = metrics.stopped_by;
    if (metrics.best_epoch) json["best_epoch"] = *metrics.best_epoch;
    if (metrics.model_epoch) json["model_epoch"] = *metrics.model_epoch;
    if (!metrics.warning.empty()) json["warning"] = metrics.warning;
    return json;
}

std::string csv_heading() { return fmt::format("{}", fmt::join(kColumns, ",")); }

std::string csv_row(const Json& line) {
    std::array<std::string, kColumns.size()> values;
    std::ranges::transform(kColumns, values.begin(),
                           [&](std::string_view column) { return csv_value(value_of(line, column)); });
    return fmt::format("{}", fmt::join(values, ","));
}

}  // namespace lockstep
