#include "launcher/train/run_state.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "launcher/files/parse_json.h"

namespace lockstep {

namespace {

using Json = nlohmann::json;

/// Calls visit(name, field) for every field, so that what is written and what is read can not differ.
template <class State, class Visit>
void visit_fields(State& state, const Visit& visit) {
    const auto visit_position = [&](const auto& name, auto& at) {
        visit(fmt::format("{}.epoch", name), at.epoch);
        visit(fmt::format("{}.step", name), at.step);
        visit(fmt::format("{}.samples", name), at.samples);
        visit(fmt::format("{}.learning_rate", name), at.learning_rate);
    };
    const auto visit_scores = [&](const auto& name, auto& scores) {
        visit(fmt::format("{}.train", name), scores.train);
        visit(fmt::format("{}.validation", name), scores.validation);
        visit(fmt::format("{}.test", name), scores.test);
    };
    visit_position("at", state.at);
    visit("epoch_sum.loss", state.epoch_sum.loss);
    visit("epoch_sum.correct", state.epoch_sum.correct);
    visit("epoch_samples", state.epoch_samples);
    visit_scores("scores", state.scores);
    visit("learning_rate.adapted", state.learning_rate.adapted);
    visit("learning_rate.last_error", state.learning_rate.last_error);
    visit("early_stopping.waited", state.early_stopping.waited);
    visit("early_stopping.best", state.early_stopping.best);
    visit("gradient_stopping.in_a_row", state.gradient_stopping.in_a_row);
    visit("course.steps", state.course.steps);
    visit("course.first_loss", state.course.first_loss);
    visit("course.first_samples", state.course.first_samples);
    visit("course.epochs", state.course.epochs);
    visit("course.first_epoch_loss", state.course.first_epoch_loss);
    visit("course.last_epoch", state.course.last_epoch);
    visit_position("best", state.best);
    visit_scores("best_scores", state.best_scores);
    visit("ending.reason", state.ending.reason);
    visit("ending.best_epoch", state.ending.best_epoch);
}

Json json_of(std::size_t value) { return value; }
Json json_of(Ending::Reason reason) { return static_cast<int>(reason); }
/// JSON's numbers go round bit for bit, but for what is no number.
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(fmt::format("{}", value)); }
Json json_of(const Score& score) {
    Json json{{"loss", json_of(score.loss)}, {"samples", score.samples}};
    if (score.accuracy) json["accuracy"] = json_of(*score.accuracy);
    return json;
}
template <class Value>
Json json_of(const std::optional<Value>& value) {
    return value ? json_of(*value) : Json();
}

void read(const Json& json, std::size_t& value) { value = whole_number(json); }
void read(const Json& json, double& value) {
    if (!json.is_string()) {
        value = json.get<double>();
        return;
    }
    const std::string text = json.get<std::string>();
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    value = text == "inf"    ? kInfinity
            : text == "-inf" ? -kInfinity
                             : std::numeric_limits<double>::quiet_NaN();
}
void read(const Json& json, float& value) {
    double wide = 0.0;
    read(json, wide);
    value = static_cast<float>(wide);
}
void read(const Json& json, Ending::Reason& reason) {
    const std::uint64_t number = whole_number(json);
    if (number > Ending::kGradient)
        throw CheckpointError(fmt::format("damaged checkpoint: {} is no reason to stop", number));
    reason = static_cast<Ending::Reason>(number);
}
void read(const Json& json, Score& score) {
    read(json.at("loss"), score.loss);
    read(json.at("samples"), score.samples);
    if (json.contains("accuracy")) read(json.at("accuracy"), score.accuracy.emplace());
}
template <class Value>
void read(const Json& json, std::optional<Value>& value) {
    if (json.is_null()) {
        value.reset();
    } else {
        read(json, value.emplace());
    }
}

}  // namespace

Json to_json(const RunState& state) {
    Json json = Json::object();
    visit_fields(state, [&](std::string_view name, const auto& field) { json[name] = json_of(field); });
    return json;
}

RunState run_state_from_json(const Json& json) {
    RunState state;
    try {
        visit_fields(state, [&](const std::string& name, auto& field) { read(json.at(name), field); });
    } catch (const Json::exception& error) {
        throw CheckpointError(fmt::format(
            "damaged checkpoint: where the run stands: {}; go on from an older checkpoint", error.what()));
    }
    return state;
}

}  // namespace lockstep
