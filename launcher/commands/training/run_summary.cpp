#include "launcher/commands/training/run_summary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launcher/run/progress_bar.h"
#include "launcher/run/text.h"

namespace lockstep {

namespace {

/// Seconds to a hundredth below a minute.
std::string time_text(double seconds) {
    return seconds < 60.0 ? fmt::format("{:.2f} s", seconds) : duration_text(seconds);
}

std::string scores_text(const nlohmann::json& result) {
    std::string text;
    for (const std::string set : {"train", "validation", "test"}) {
        if (!result.contains(set + "_loss")) continue;
        if (!text.empty()) text += "; ";
        // Null where it is no number.
        const nlohmann::json& loss = result.at(set + "_loss");
        text += fmt::format("{} loss {}", set,
                            loss.is_number() ? fmt::format("{:.5f}", loss.get<double>()) : "not finite");
        if (const auto accuracy = result.find(set + "_accuracy"); accuracy != result.end())
            text += fmt::format(", accuracy {:.2f} %", 100.0 * accuracy->get<double>());
    }
    return text;
}

}  // namespace

std::vector<std::string> summary_of(const nlohmann::json& result) {
    std::vector<std::string> lines;
    const auto add = [&](std::string_view what, const std::string& text) {
        lines.push_back(fmt::format("{:<9}{}", what, text));
    };
    const auto has = [&](const char* key) { return result.contains(key); };
    if (has("epoch") && has("step") && has("seconds")) {
        std::string text = fmt::format("{}, {} in {}", counted(result["epoch"], "epoch"),
                                       counted(result["step"], "step"), time_text(result["seconds"]));
        if (has("samples_per_second"))
            text += fmt::format("; {:.0f} samples/s in training", result["samples_per_second"].get<double>());
        if (has("stopped_by") && result["stopped_by"] != "limit")
            text += fmt::format("; ended by training.{}",
                                result["stopped_by"] == "patience" ? "patience" : "stop_gradient");
        add("trained", text);
    }
    if (const std::string scores = scores_text(result); !scores.empty()) {
        const bool of_best = has("model_epoch") && result["model_epoch"] != result["epoch"];
        add("reached", of_best
                           ? fmt::format("{} (epoch {})", scores, result["model_epoch"].get<std::size_t>())
                           : scores);
    }
    if (has("warning")) add("warning", result["warning"].get<std::string>());
    if (has("digest")) add("digest", result["digest"].get<std::string>());
    if (has("model")) add("model", result["model"].get<std::string>());
    if (has("run_dir")) {
        const auto dir = result["run_dir"].get<std::string>();
        add("run", dir);
        add("see it", fmt::format("lockstep report {}", dir));
    }
    return lines;
}

}  // namespace lockstep
