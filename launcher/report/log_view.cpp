#include "launcher/report/log_view.h"

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "launcher/files/parse_json.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// Lines of one kind, of which at most so many are kept: when there are more, two neighbours become one, with
/// the later one's values and what that has not of the earlier one's.
class ThinnedLines {
  public:
    void add(Json line) {
        if (in_bin_ == 0) {
            lines_.push_back(std::move(line));
        } else {
            lines_.back().update(line);
        }
        in_bin_ = (in_bin_ + 1) % bin_;
        if (lines_.size() < 2 * kMost || in_bin_ != 0) return;
        for (std::size_t i = 0; i < kMost; ++i) {
            lines_[i] = std::move(lines_[2 * i]);
            lines_[i].update(lines_[2 * i + 1]);
        }
        lines_.resize(kMost);
        bin_ *= 2;
    }

    [[nodiscard]] const std::vector<Json>& lines() const { return lines_; }

    /// {name: [values]}, null where a line has none; only numbers.
    [[nodiscard]] Json columns() const {
        Json columns = Json::object();
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            for (const auto& [name, value] : lines_[i].items()) {
                if (!value.is_number()) continue;
                if (!columns.contains(name)) columns[name] = std::vector<Json>(lines_.size());
                columns[name][i] = value;
            }
        }
        return columns;
    }

  private:
    /// Twice as many as a screen has pixels for.
    static constexpr std::size_t kMost = 600;
    std::vector<Json> lines_;
    std::size_t bin_ = 1;     // lines that one of lines_ stands for
    std::size_t in_bin_ = 0;  // of the last one's
};

/// The line as an object; null where it is none.
Json parse_line(const std::string& text) {
    try {
        Json line = parse_json<Json>(text);
        if (line.is_object() && line.contains("event") && line["event"].is_string()) return line;
    } catch (const std::runtime_error&) {
        // Half a line of a run that was killed, or is just being written.
    }
    return {};
}

/// The seconds of the phases of the epochs that have any: {"epoch": […], name: […]}.
Json phase_columns(const ThinnedLines& epochs) {
    ThinnedLines phases;
    for (const Json& line : epochs.lines()) {
        const auto found = line.find("phases");
        if (found == line.end() || !found->is_object()) continue;
        Json of_epoch{{"epoch", line.value("epoch", Json())}};
        of_epoch.update(*found);
        phases.add(std::move(of_epoch));
    }
    return phases.columns();
}

/// How long ago the file was written, in seconds; a run that is still going on writes now and then.
double age_seconds(const std::filesystem::path& file) {
    std::error_code error;
    const auto written = std::filesystem::last_write_time(file, error);
    if (error) return 0.0;
    return std::chrono::duration<double>(std::filesystem::file_time_type::clock::now() - written).count();
}

}  // namespace

Json log_json(const std::filesystem::path& metrics_file) {
    ThinnedLines epochs;
    ThinnedLines steps;
    Json end;
    Json last;
    std::string state = "begun";
    std::size_t checkpoints = 0;
    std::ifstream input(metrics_file, std::ios::binary);
    for (std::string text; std::getline(input, text);) {
        Json line = parse_line(text);
        if (line.is_null()) continue;
        const auto event = line["event"].get<std::string>();
        if (event == "checkpoint") ++checkpoints;
        if (event == "end" || event == "stop") end = line;
        if (event == "resume") end = nullptr;
        state = event == "end" ? "finished" : event == "stop" ? "stopped" : "unfinished";
        last = line;
        if (event == "epoch") {
            epochs.add(std::move(line));
        } else if (event == "step") {
            steps.add(std::move(line));
        }
    }
    Json json{{"state", state}, {"checkpoints", checkpoints}};
    if (state == "unfinished") json["silent_seconds"] = age_seconds(metrics_file);
    if (!end.is_null()) json["end"] = std::move(end);
    if (!last.is_null()) json["last"] = std::move(last);
    json["epochs"] = epochs.columns();
    json["steps"] = steps.columns();
    json["phases"] = phase_columns(epochs);
    return json;
}

}  // namespace lockstep
