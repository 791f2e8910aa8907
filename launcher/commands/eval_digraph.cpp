#include "launcher/commands/eval_digraph.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "comm/agreement.h"
#include "core/network/energy/digraph.h"
#include "launcher/files/digraph_file.h"
#include "launcher/score/prepare.h"
#include "launcher/score/sample_reader.h"

namespace lockstep {

namespace {

struct Row {
    std::vector<float> inputs, targets;
    Activity activity;
};

void check_sizes(const CommandInput& input, const Digraph& digraph, const Dataset& set) {
    if (set.input_size() == digraph.inputs.size() && set.classes() == 0 &&
        set.target_size() == digraph.outputs.size())
        return;
    const std::string targets = set.classes() > 0 ? fmt::format("{} classes", set.classes())
                                                  : fmt::format("{} target values", set.target_size());
    throw DataError(
        fmt::format("{}: has {} inputs and {} outputs, but {} has {} inputs and {}; a sample gives "
                    "each input its value, and each output has a target value",
                    input.config.digraph.string(), digraph.inputs.size(), digraph.outputs.size(),
                    set.description(), set.input_size(), targets));
}

std::vector<Row> run_samples(const CommandInput& input) {
    if (!input.models.empty()) {
        throw ConfigError(fmt::format("--model {}: {} has its weights in that file; remove the flag",
                                      input.models.front().string(), input.options.place("network.digraph")));
    }
    const Digraph digraph = read_digraph_file(input.config.digraph);
    const DataSets data = open_data(input.config.data);
    const Dataset& set = *chosen_set(input, data);
    check_sizes(input, digraph, set);
    std::vector<Row> rows;
    SampleReader reader(set, 1);
    for (std::size_t s = 0; s < set.size(); ++s) {
        const Samples sample = reader.read_run(s, 1);
        const std::span<const float> x = sample.x.row(0);
        const std::span<const float> t = sample.targets.values.row(0);
        rows.push_back({{x.begin(), x.end()},
                        {t.begin(), t.end()},
                        run_digraph(digraph, x, input.config.digraph_steps)});
    }
    return rows;
}

/// ½ Σ (y − d)², the mean over the samples.
double mean_error(const std::vector<Row>& rows) {
    double sum = 0.0;
    for (const Row& row : rows) {
        for (std::size_t c = 0; c < row.targets.size(); ++c) {
            const double difference = row.activity.outputs[c] - static_cast<double>(row.targets[c]);
            sum += 0.5 * difference * difference;
        }
    }
    return sum / static_cast<double>(rows.size());
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

void print(const CommandInput& input, const std::vector<Row>& rows) {
    if (input.json) {
        nlohmann::json json{{"set", input.set},
                            {"samples", rows.size()},
                            {"loss", mean_error(rows)},
                            {"stopped", count_stopped(rows)}};
        for (const Row& row : rows) {
            json["table"].push_back({{"inputs", row.inputs},
                                     {"outputs", row.activity.outputs},
                                     {"targets", row.targets},
                                     {"steps", row.activity.steps},
                                     {"stopped", row.activity.end != ActivityEnd::kLimit},
                                     {"end", name(row.activity.end)}});
        }
        fmt::print("{}\n", json.dump());
        return;
    }
    for (const Row& row : rows) {
        fmt::print("{} -> {}  (target {})  {}\n", fmt::join(row.inputs, " "),
                   fmt::join(row.activity.outputs, " "), fmt::join(row.targets, " "), end_text(row.activity));
    }
    fmt::print("{} loss {:.6f}  ({} samples, {} stopped)\n", input.set, mean_error(rows), rows.size(),
               count_stopped(rows));
}

}  // namespace

int eval_digraph(Communicator& comm, const CommandInput& input) {
    const std::vector<Row> rows = agree(comm, [&] { return run_samples(input); });
    if (comm.rank() == 0) print(input, rows);
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
