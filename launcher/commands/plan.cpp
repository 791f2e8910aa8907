// `lockstep plan`: checks all that train would check, and says what it would do.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/forecast/forecast_report.h"
#include "launcher/options/options_json.h"
#include "launcher/run/printing.h"
#include "launcher/score/data_advice.h"
#include "launcher/score/data_check.h"
#include "launcher/score/learning_advice.h"
#include "launcher/score/prepare.h"
#include "launcher/score/target_range.h"
#include "launcher/train/plan_report.h"
#include "launcher/train/run_log.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

std::string bytes_text(std::size_t bytes) {
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024.0 && unit + 1 < kUnits.size()) {
        value /= 1024.0;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string buckets_text(std::size_t count) {
    return count == 1 ? "one bucket" : fmt::format("{} buckets", count);
}

/// Runs of ranks with the same number of leaves: "ranks 0-2: 2 each, rank 3: 1".
std::string leaves_text(const std::vector<std::size_t>& leaves) {
    std::string text;
    for (std::size_t first = 0; first < leaves.size();) {
        std::size_t end = first;
        while (end < leaves.size() && leaves[end] == leaves[first]) ++end;
        text += text.empty() ? "" : ", ";
        text += end - first == 1 ? fmt::format("rank {}: {}", first, leaves[first])
                                 : fmt::format("ranks {}-{}: {} each", first, end - 1, leaves[first]);
        first = end;
    }
    return text;
}

std::string idle_text(const PlanReport& report) {
    const std::size_t busy = report.ranks - report.idle_ranks.size();
    return fmt::format(
        "ranks {} to {} have no samples; use at most {} ranks, a larger training.global_batch or a smaller "
        "training.leaf",
        report.idle_ranks.front(), report.idle_ranks.back(), busy);
}

void print(const PlanReport& report, const CommandInput& input, const DataSets& data,
           const std::vector<std::string>& warnings) {
    const Config& config = input.config;
    print_out("data        {}; {}{}\n", data.train->description(),
              data.validation ? data.validation->description() + "; " : "", data.test->description());
    print_out("inputs      {}\n", inputs_text(*data.train, config.data.scale));
    if (data.train->classes() > 0) print_out("classes     {}\n", data.train->classes());
    for (const std::string& text : warnings) print_out("warning: {}\n", text);
    for (std::size_t l = 0; l < report.layers.size(); ++l) {
        const PlanReport::LayerPart& layer = report.layers[l];
        print_out("layer {:<5} {} -> {}, {} parameters: {}\n", l, layer.inputs, layer.outputs,
                  layer.parameters, layer.text);
    }
    print_out("parameters  {}\n", report.parameters);
    print_out(
        "neurons     {}, {} of them hidden; by the lecture's rule of thumb, a tenth of the training "
        "samples, about {}\n",
        report.neurons, report.hidden_neurons, neurons_by_rule_of_thumb(report.training_samples));
    print_out("steps       {} an epoch of {} samples in batches of {}; {} in all\n", report.steps_per_epoch,
              report.training_samples, report.global_batch, report.steps);
    print_out(
        "rate        {} from {} at the first step to {} at the last{}\n",
        input.options.text("optimizer.schedule"), report.first_rate, report.last_rate,
        config.learning_rate.schedule == RateSchedule::kAdaptive ? ", but for what the error does" : "");
    if (const auto& rates = config.learning_rate.rates; rates.size() > 1)
        print_out("rates       {}\n", rates_text(rates));
    if (const std::string advice = rate_advice(config); !advice.empty()) {
        print_out("warning: {}\n", advice);
    }
    print_out("leaves      {} samples each; {}\n", config.training.leaf, leaves_text(report.leaves));
    if (!report.idle_ranks.empty()) print_out("warning: {}\n", idle_text(report));
    print_out(
        "memory      {} a rank: parameters {}, gradients {}, optimizer {}, packed weights {}, activations "
        "{}\n",
        bytes_text(report.memory_bytes()), bytes_text(report.parameter_bytes),
        bytes_text(report.gradient_bytes), bytes_text(report.optimizer_bytes),
        bytes_text(report.packed_bytes), bytes_text(report.activation_bytes));
    if (report.read_ahead_bytes > 0) {
        print_out("prefetch    {} batches: {} a rank, included above, for samples that are read ahead\n",
                  config.data.prefetch, bytes_text(report.read_ahead_bytes));
    }
    if (report.best_bytes > 0) {
        print_out("keep        best: {} a rank, included above, for the best check's parameters\n",
                  bytes_text(report.best_bytes));
    }
    print_out("checkpoint  every {}: {} a rank, included above, for the copy that is written\n",
              input.options.text("run.checkpoint_every"), bytes_text(report.checkpoint_bytes));
    if (report.audit_every > 0) {
        print_out("audit       every {} steps: {} a rank, included above, for another one's gradient\n",
                  report.audit_every, bytes_text(report.audit_bytes));
    }
    if (report.compression != "none") {
        print_out("compression {}: other numbers than without, the same for any number of ranks",
                  report.compression);
        if (report.kept_back_bytes > 0) {
            print_out("; {} a rank, included above, for what is kept back",
                      bytes_text(report.kept_back_bytes));
        }
        print_out("\n");
    }
    if (report.ranks > 1) {
        for (const PlanReport::Choice& choice : report.shards) {
            print_out("shard       {:<10}  {} a rank, which sends up to {} a step{}\n", choice.shard,
                      bytes_text(choice.memory_bytes), bytes_text(choice.sent_bytes_per_step),
                      choice.shard == report.shard ? "; chosen" : "");
        }
    }
    if (report.algorithm == "none") {
        print_out("reduction   none on one rank\n");
    } else if (report.algorithm == "mpi") {
        print_out("reduction   {} of gradients a step by MPI_Allreduce in {}; no promise of equal bits\n",
                  bytes_text(report.gradient_arena_bytes), buckets_text(report.bucket_count));
    } else {
        print_out("reduction   {} of gradients a step in {}; a rank sends up to {} ({})\n",
                  bytes_text(report.gradient_arena_bytes), buckets_text(report.bucket_count),
                  bytes_text(report.sent_bytes_per_step), report.algorithm);
    }
}

Json to_json(const PlanReport& report, const CommandInput& input, const DataSets& data,
             const std::vector<std::string>& warnings) {
    Json layers = Json::array();
    for (const PlanReport::LayerPart& layer : report.layers) {
        layers.push_back({{"layer", layer.text},
                          {"inputs", layer.inputs},
                          {"outputs", layer.outputs},
                          {"parameters", layer.parameters}});
    }
    Json shards = Json::object();
    for (const PlanReport::Choice& choice : report.shards) {
        shards[choice.shard] = {{"memory_bytes_per_rank", choice.memory_bytes},
                                {"sent_bytes_per_step", choice.sent_bytes_per_step}};
    }
    Json inputs{{"count", data.train->raw_size()}};
    if (const auto divisor = data.train->input_divisor()) inputs["divided_by"] = *divisor;
    return {{"configuration", input.options.config_name()},
            {"ranks", report.ranks},
            {"train_data", data.train->description()},
            {"test_data", data.test->description()},
            {"inputs", inputs},
            {"classes", data.train->classes()},
            {"warnings", warnings},
            {"layers", layers},
            {"parameters", report.parameters},
            {"neurons", report.neurons},
            {"hidden_neurons", report.hidden_neurons},
            {"neurons_by_rule_of_thumb", neurons_by_rule_of_thumb(report.training_samples)},
            {"training_samples", report.training_samples},
            {"global_batch", report.global_batch},
            {"steps_per_epoch", report.steps_per_epoch},
            {"steps", report.steps},
            {"learning_rates", input.config.learning_rate.rates},
            {"learning_rate_first", report.first_rate},
            {"learning_rate_last", report.last_rate},
            {"learning_rate_warning", rate_advice(input.config)},
            {"leaves_per_rank", report.leaves},
            {"idle_ranks", report.idle_ranks},
            {"memory_bytes_per_rank",
             {{"parameters", report.parameter_bytes},
              {"gradients", report.gradient_bytes},
              {"optimizer", report.optimizer_bytes},
              {"kept_back", report.kept_back_bytes},
              {"best", report.best_bytes},
              {"checkpoint", report.checkpoint_bytes},
              {"audit", report.audit_bytes},
              {"packed_weights", report.packed_bytes},
              {"activations", report.activation_bytes},
              {"read_ahead", report.read_ahead_bytes},
              {"total", report.memory_bytes()}}},
            {"audit_every", report.audit_every},
            {"shard", report.shard},
            {"compression", report.compression},
            {"shards", shards},
            {"reduction", report.algorithm},
            {"buckets", report.bucket_count},
            {"gradient_bytes_per_step", report.gradient_arena_bytes},
            {"sent_bytes_per_step", report.sent_bytes_per_step},
            {"options", to_json(input.options)}};
}

}  // namespace

int command_plan(const CommandInput& input) {
    const Prepared prepared = prepare(input.config, input.options);
    check_stopping(input.config, input.options, prepared.network, prepared.data.validation != nullptr);
    choose_run_dir(input.config, input.options, std::chrono::system_clock::now());
    const std::size_t ranks = input.ranks == 0 ? 1 : input.ranks;
    const std::optional<Outlook> outlook =
        look_ahead(input.forecast, input.config, prepared.network, prepared.data.train->size(), ranks);
    const PlanReport report = make_plan(input.config, prepared.network, *prepared.data.train, ranks);
    std::vector<std::string> warnings = data_advice(prepared.data);
    if (std::string advice = target_range_advice(prepared.network, *prepared.data.train); !advice.empty())
        warnings.push_back(std::move(advice));
    if (input.json) {
        Json json = to_json(report, input, prepared.data, warnings);
        if (outlook) json["forecast"] = to_json(*outlook, input.config);
        print_json(std::move(json));
    } else {
        print(report, input, prepared.data, warnings);
        if (outlook) print_outlook(*outlook, input.config);
    }
    return 0;
}

}  // namespace lockstep
