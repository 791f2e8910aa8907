// `lockstep sweep`: a network for every point of a grid of keys, or for points drawn at random, and which is
// the best.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/training/training_job.h"
#include "launcher/files/atomic_file.h"
#include "launcher/run/printing.h"
#include "launcher/several/several_networks.h"
#include "launcher/several/sweep_report.h"

namespace lockstep {

namespace {

struct Sweep {
    std::vector<SweepKey> keys;
    std::vector<SweepPoint> points;
    std::vector<ResolvedOptions> options;  ///< of each point
    bool same_data = true;                 ///< all points are trained on what is open
};

/// The keys' own flags would be overruled by every point.
void refuse_flags_of_varied_keys(const CommandInput& input, const std::vector<SweepKey>& keys) {
    for (const auto& [key, value] : input.config_flags) {
        const auto found = std::ranges::find(keys, key, &SweepKey::key);
        if (found == keys.end()) continue;
        throw ConfigError(
            fmt::format("--{} {}: {} varies the key; remove one of the two", key, value, found->flag));
    }
}

/// Throws ConfigError for a point whose values do not go together.
Sweep make_sweep(const CommandInput& input) {
    Sweep sweep;
    sweep.keys = parse_sweep_keys(input.sweep.grid);
    refuse_flags_of_varied_keys(input, sweep.keys);
    sweep.points = sweep_points(sweep.keys, input.sweep.random, input.config.training.seed);
    for (const SweepKey& key : sweep.keys) sweep.same_data = sweep.same_data && !key.key.starts_with("data.");
    for (const SweepPoint& point : sweep.points) {
        try {
            sweep.options.push_back(with_flags(input.options, point.values));
            make_config(sweep.options.back());
        } catch (const ConfigError& error) {
            throw ConfigError(fmt::format("{} (a point of the sweep: {})", error.what(), to_string(point)));
        }
    }
    return sweep;
}

NetworkJob job_of_point(const Communicator& ranks, const CommandInput& input, const Prepared& prepared,
                        const Sweep& sweep, std::size_t i) {
    const std::size_t seeds = input.sweep.seeds;
    const std::size_t p = i / seeds;
    const std::uint64_t seed = input.config.training.seed + i % seeds;
    NetworkJob network = agree(ranks, [&] {
        NetworkJob own;
        own.options = sweep.options[p];
        if (i % seeds > 0)
            own.options = with_flags(own.options, {{"training.seed", fmt::format("{}", seed)}});
        own.config = make_config(own.options);
        return own;
    });
    network.prepared = sweep.same_data ? prepare_on(ranks, prepared.data, network.config, network.options)
                                       : prepare(ranks, network.config, network.options);
    Progress silent(Progress::Style::kSilent, stdout);
    start_from_model(ranks, {input.models, input.model_layers}, network.options, network.prepared,
                     network.config.preprocessing, silent);
    return network;
}

SeveralNetworks networks_of(const CommandInput& input, const TrainingSetup& setup, const Sweep& sweep) {
    const std::size_t seeds = input.sweep.seeds;
    SeveralNetworks networks{
        .subcommand = "sweep", .kind = "point", .report_file = "sweep.json", .may_diverge = true};
    for (std::size_t i = 0; i < sweep.points.size() * seeds; ++i) {
        const std::size_t p = i / seeds;
        std::string name = fmt::format("point {} of {}", p + 1, sweep.points.size());
        std::string dir = fmt::format("point-{}", p + 1);
        if (seeds > 1) {
            name += fmt::format(", seed {} of {}", i % seeds + 1, seeds);
            dir += fmt::format("-seed-{}", i % seeds + 1);
        }
        networks.names.push_back(fmt::format("{}: {}", name, to_string(sweep.points[p])));
        networks.dirs.push_back(dir);
        if (i % seeds == 0) networks.checked_first.push_back(i);
    }
    networks.job_of = [&](const Communicator& ranks, std::size_t i) {
        return job_of_point(ranks, input, setup.prepared, sweep, i);
    };
    for (const std::string& text : input.sweep.grid) networks.flags.emplace_back("grid", text);
    if (input.sweep.random > 0) networks.flags.emplace_back("random", fmt::format("{}", input.sweep.random));
    networks.flags.emplace_back("seeds", fmt::format("{}", seeds));
    return networks;
}

void print(Progress& progress, const nlohmann::json& report, const Sweep& sweep) {
    for (const std::string& line : sweep_table(report, sweep.keys)) progress.line(line);
    std::vector<std::string> scores = report["judged_by"];
    for (std::string& score : scores) std::ranges::replace(score, '_', ' ');
    progress.line(fmt::format("ranked by {}; {}/sweep.csv", fmt::join(scores, ", then "),
                              report["run_dir"].get<std::string>()));
    if (const std::string best = best_flags(report, sweep.points); !best.empty())
        progress.line("best: " + best);
}

void write_csv(const TrainedNetworks& trained, const Sweep& sweep) {
    write_file(trained.directory->path() / "sweep.csv", sweep_csv(trained.report, sweep.keys),
               ExitCode::kUsage);
}

/// Throws NumericalError where not one point was trained to its end.
void refuse_divergence_of_all(const nlohmann::json& report) {
    for (const nlohmann::json& network : report["networks"]) {
        if (!network.contains("diverged")) return;
    }
    throw NumericalError(fmt::format("every network of the sweep diverged; the first: {}",
                                     report["networks"].front()["diverged"].get<std::string>()));
}

}  // namespace

int command_sweep(Communicator& comm, const CommandInput& input) {
    const Sweep sweep = agree(comm, [&] { return make_sweep(input); });
    // What all points share is opened for the first of them: the configuration's own values need not go
    // together with the data.
    CommandInput first = input;
    first.options = sweep.options.front();
    first.config = agree(comm, [&] { return make_config(first.options); });
    TrainingSetup setup = set_up_training(comm, first);
    Progress& progress = setup.progress;
    const TrainingJob job = training_job(input, setup);
    const SeveralNetworks networks = networks_of(input, setup, sweep);
    for (const SweepKey& key : sweep.keys) progress.line(to_string(key));
    for (std::size_t p = 0; p < sweep.points.size(); ++p) {
        if (const std::string& dropped = sweep.options[p].dropped(); !dropped.empty())
            progress.line(fmt::format("point {}: {}", p + 1, dropped));
    }
    progress.line(fmt::format("{} points, {} networks", sweep.points.size(), networks.count()));
    TrainedNetworks trained = train_several(comm, job, networks, progress);
    if (trained.is_stopped) return static_cast<int>(ExitCode::kStoppedEarly);
    agree(comm, [&] {
        if (comm.rank() != 0) return;
        const bool by_loss = input.options.given("training.watch") && !input.config.training.watches_accuracy;
        rank_points(trained.report, sweep.keys, sweep.points, input.sweep.seeds, by_loss);
        print(progress, trained.report, sweep);
        write_csv(trained, sweep);
        publish(trained, networks, input.config.run.overwrite);
        if (input.json) print_json(trained.report);
        refuse_divergence_of_all(trained.report);
    });
    return static_cast<int>(ExitCode::kDone);
}

}  // namespace lockstep
