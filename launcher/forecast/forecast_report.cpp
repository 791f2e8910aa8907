#include "launcher/forecast/forecast_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "launcher/run/printing.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// Seconds with a unit that suits them.
std::string time_text(double seconds) {
    if (seconds < 1e-3) return fmt::format("{:.3g} us", 1e6 * seconds);
    if (seconds < 1.0) return fmt::format("{:.3g} ms", 1e3 * seconds);
    if (seconds < 600.0) return fmt::format("{:.3g} s", seconds);
    return seconds < 36000.0 ? fmt::format("{:.1f} min", seconds / 60.0)
                             : fmt::format("{:.1f} h", seconds / 3600.0);
}

std::string phases_text(const StepForecast& step) {
    std::string text;
    for (const auto& [name, seconds] : kStepPhases) {
        if (step.*seconds == 0.0) continue;
        std::string words(name);
        std::ranges::replace(words, '_', ' ');
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", words, time_text(step.*seconds));
    }
    return text;
}

double epoch(const Forecast& forecast, double step) {
    return forecast.epoch_seconds * step / forecast.step_seconds.expected;
}

void print_forecast(const Forecast& forecast, const Machine& machine, const Config& config) {
    const auto& [expected, low, high] = forecast.step_seconds;
    const Ranks ranks = forecast.work.ranks;
    print_out("forecast    {} a step, nine times in ten {} to {}, on {} rank(s), {} a host: {}, {}\n",
              time_text(expected), time_text(low), time_text(high), ranks.ranks, ranks.per_host, machine.cpu,
              machine.instruction_set);
    print_out("            {:.0f} samples/s; an epoch {}, {} to {}, without evaluation and checkpoints\n",
              forecast.samples_per_second, time_text(forecast.epoch_seconds), time_text(epoch(forecast, low)),
              time_text(epoch(forecast, high)));
    print_out("            {}\n", phases_text(forecast.step));
    print_out("            bound by {}\n", bound_by(forecast));
    for (const std::string& text : remarks(forecast, machine, config)) {
        print_out("            note: {}\n", text);
    }
}

void print_curve(const std::vector<CurveLine>& curve, std::string_view scaling) {
    for (const CurveLine& line : curve) {
        print_out("curve       shard {}, compression {}, {} scaling\n", line.shard, line.compression,
                  scaling);
        print_out("            {:>6} {:>12} {:>12} {:>12} {:>14} {:>9}\n", "ranks", "step", "from", "to",
                  "samples/s", "speed-up");
        for (const Forecast& point : line.points) {
            const auto& [expected, low, high] = point.step_seconds;
            print_out("            {:>6} {:>12} {:>12} {:>12} {:>14.0f} {:>9.1f}\n", point.work.ranks.ranks,
                      time_text(expected), time_text(low), time_text(high), point.samples_per_second,
                      point.samples_per_second / line.points.front().samples_per_second);
        }
    }
}

Json to_json(const Forecast& forecast) {
    const auto& [expected, low, high] = forecast.step_seconds;
    Json phases = Json::object();
    for (const auto& [name, seconds] : kStepPhases) phases[std::string(name)] = forecast.step.*seconds;
    return {{"ranks", forecast.work.ranks.ranks},
            {"hosts", forecast.work.ranks.hosts()},
            {"ranks_per_host", forecast.work.ranks.per_host},
            {"busy_ranks", forecast.work.busy_ranks},
            {"global_batch", forecast.work.batch_samples},
            {"step_seconds", expected},
            {"step_seconds_low", low},
            {"step_seconds_high", high},
            {"samples_per_second", forecast.samples_per_second},
            {"epoch_seconds", forecast.epoch_seconds},
            {"epoch_seconds_low", epoch(forecast, low)},
            {"epoch_seconds_high", epoch(forecast, high)},
            {"phases", phases},
            {"sent_bytes_per_host", forecast.step.bytes},
            {"link_seconds", forecast.step.sent},
            {"latency_seconds", forecast.step.latency}};
}

Json to_json(const std::vector<CurveLine>& curve) {
    Json lines = Json::array();
    for (const CurveLine& line : curve) {
        Json points = Json::array();
        for (const Forecast& point : line.points) points.push_back(to_json(point));
        lines.push_back({{"shard", line.shard}, {"compression", line.compression}, {"points", points}});
    }
    return lines;
}

}  // namespace

void print_outlook(const Outlook& outlook, const Config& config) {
    print_forecast(outlook.forecast, outlook.machine, config);
    print_curve(outlook.curve, outlook.scaling);
}

Json to_json(const Outlook& outlook, const Config& config) {
    Json json = to_json(outlook.forecast);
    json["bound_by"] = bound_by(outlook.forecast);
    json["remarks"] = remarks(outlook.forecast, outlook.machine, config);
    json["cpu"] = outlook.machine.cpu;
    if (!outlook.curve.empty()) {
        json["scaling"] = outlook.scaling;
        json["curve"] = to_json(outlook.curve);
    }
    return json;
}

}  // namespace lockstep
