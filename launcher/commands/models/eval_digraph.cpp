#include "launcher/commands/models/eval_digraph.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/network/energy/digraph.h"
#include "launcher/files/digraph_file.h"
#include "launcher/files/digraph_table.h"
#include "launcher/run/printing.h"
#include "launcher/score/same_inputs.h"

namespace lockstep {

namespace {

struct Row {
    DigraphSample sample;
    Activity activity;
};

/// The samples, in double: other sources are read as floats, and a set of samples to run is not split.
std::vector<DigraphSample> read_samples(const CommandInput& input) {
    if (input.options.text("data.source") != "table") {
        throw ConfigError(
            fmt::format("{}: a digraph's samples stand in a table, whose numbers stay double; choose "
                        "data.source = table",
                        input.options.place("data.source")));
    }
    if (!input.config.data.split.per_cent.empty()) {
        throw ConfigError(
            fmt::format("{}: has no effect with network.digraph, which is run on all samples; "
                        "remove the key",
                        input.options.place("data.split")));
    }
    if (input.set == "validation") {
        throw ConfigError("--set validation: a digraph's table has no such part; remove the flag");
    }
    const DataOptions& data = input.config.data;
    return read_digraph_table(input.set == "test" && !data.test_table.empty() ? data.test_table : data.table);
}

void check_sizes(const CommandInput& input, const Digraph& digraph, const DigraphSample& sample) {
    if (sample.inputs.size() == digraph.inputs.size() && sample.targets.size() == digraph.outputs.size())
        return;
    throw DataError(
        fmt::format("{}: has {} inputs and {} outputs, but {} has {} inputs and {} target values; a sample "
                    "gives each input its value, and each output has a target value",
                    input.config.digraph.string(), digraph.inputs.size(), digraph.outputs.size(),
                    input.config.data.table.string(), sample.inputs.size(), sample.targets.size()));
}

void refuse_flags(const CommandInput& input) {
    if (!input.models.empty()) {
        throw ConfigError(fmt::format("--model {}: {} has its weights in that file; remove the flag",
                                      input.models.front().string(), input.options.place("network.digraph")));
    }
    if (input.confusion || !input.wrong.empty()) {
        throw ConfigError(fmt::format("--{}: a digraph's outputs are no classes; remove the flag",
                                      input.confusion ? "confusion" : "wrong"));
    }
}

std::vector<Row> run_samples(const CommandInput& input) {
    const Digraph digraph = read_digraph_file(input.config.digraph);
    std::vector<DigraphSample> samples = read_samples(input);
    check_sizes(input, digraph, samples.front());
    std::vector<Row> rows;
    for (DigraphSample& sample : samples) {
        Activity activity = run_digraph(digraph, sample.inputs, input.config.digraph_steps);
        rows.push_back({std::move(sample), std::move(activity)});
    }
    return rows;
}

bool is_met(const DigraphTarget& target, double output) {
    return target.kind == DigraphTarget::kNumber || (target.kind == DigraphTarget::kAbove0) == (output > 0.0);
}

/// Whether the outputs meet every >0 and <=0.
bool is_right(const Row& row) {
    for (std::size_t c = 0; c < row.sample.targets.size(); ++c) {
        if (!is_met(row.sample.targets[c], row.activity.outputs[c])) return false;
    }
    return true;
}

bool has_kind(const std::vector<Row>& rows, bool number) {
    for (const Row& row : rows) {
        for (const DigraphTarget& target : row.sample.targets) {
            if ((target.kind == DigraphTarget::kNumber) == number) return true;
        }
    }
    return false;
}

/// The mean over the samples of ½ Σ (y − d)² over the targets that are numbers; none where no target is.
std::optional<double> mean_error(const std::vector<Row>& rows) {
    if (!has_kind(rows, true)) return std::nullopt;
    double sum = 0.0;
    for (const Row& row : rows) {
        for (std::size_t c = 0; c < row.sample.targets.size(); ++c) {
            const DigraphTarget& target = row.sample.targets[c];
            if (target.kind != DigraphTarget::kNumber) continue;
            const double difference = row.activity.outputs[c] - target.number;
            sum += 0.5 * difference * difference;
        }
    }
    return sum / static_cast<double>(rows.size());
}

/// The share of the samples that are accepted or rejected as the table has it; none where no target says.
std::optional<double> accuracy(const std::vector<Row>& rows) {
    if (!has_kind(rows, false)) return std::nullopt;
    return static_cast<double>(std::ranges::count_if(rows, is_right)) / static_cast<double>(rows.size());
}

std::size_t count_stopped(const std::vector<Row>& rows) {
    std::size_t stopped = 0;
    for (const Row& row : rows) stopped += row.activity.end == ActivityEnd::kLimit ? 0 : 1;
    return stopped;
}

constexpr std::string_view name(ActivityEnd end) {
    return end == ActivityEnd::kStill ? "still" : end == ActivityEnd::kHalted ? "halted" : "limit";
}

std::string end_text(const Activity& activity) {
    const std::string_view what = activity.end == ActivityEnd::kStill    ? "stopped"
                                  : activity.end == ActivityEnd::kHalted ? "halted"
                                                                         : "not stopped";
    return fmt::format("{} after {} step{}", what, activity.steps, activity.steps == 1 ? "" : "s");
}

nlohmann::json row_json(const Row& row) {
    nlohmann::json targets = nlohmann::json::array();
    for (const DigraphTarget& target : row.sample.targets) {
        if (target.kind == DigraphTarget::kNumber) {
            targets.push_back(target.number);
        } else {
            targets.push_back(target.text);
        }
    }
    return {{"inputs", row.sample.inputs},
            {"written", row.sample.input_texts},
            {"outputs", row.activity.outputs},
            {"targets", targets},
            {"right", is_right(row)},
            {"steps", row.activity.steps},
            {"stopped", row.activity.end != ActivityEnd::kLimit},
            {"end", name(row.activity.end)}};
}

void print(const CommandInput& input, const std::vector<Row>& rows) {
    const std::optional<double> loss = mean_error(rows);
    const std::optional<double> share = accuracy(rows);
    if (input.json) {
        nlohmann::json json{{"set", input.set}, {"samples", rows.size()}, {"stopped", count_stopped(rows)}};
        if (loss) json["loss"] = *loss;
        if (share) json["accuracy"] = *share;
        for (const Row& row : rows) json["table"].push_back(row_json(row));
        print_json(json);
        return;
    }
    for (const Row& row : rows) {
        std::vector<std::string> targets;
        for (const DigraphTarget& target : row.sample.targets) targets.push_back(target.text);
        print_out("{} -> {}  (target {}{})  {}\n", fmt::join(row.sample.input_texts, " "),
                  fmt::join(row.activity.outputs, " "), fmt::join(targets, " "),
                  is_right(row) ? "" : ", wrong", end_text(row.activity));
    }
    print_out("{}{}{}  ({} samples, {} stopped)\n", input.set, loss ? fmt::format(" loss {:.6f}", *loss) : "",
              share ? fmt::format(" accuracy {:.2f} %", 100.0 * *share) : "", rows.size(),
              count_stopped(rows));
}

}  // namespace

int eval_digraph(Communicator& comm, const CommandInput& input) {
    agree(comm, [&] { refuse_flags(input); });
    check_same_files(comm, input.config);
    const std::vector<Row> rows =
        agree(comm, [&] { return comm.rank() == 0 ? run_samples(input) : std::vector<Row>(); });
    if (comm.rank() == 0) print(input, rows);
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
