#include "launcher/several/several_networks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>

#include "comm/agreement.h"
#include "comm/watchdog.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/parse_json.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/output_log.h"
#include "launcher/run/printing.h"
#include "launcher/score/data_advice.h"
#include "launcher/telemetry/banner.h"

namespace lockstep {

namespace {

using Json = nlohmann::json;

/// In the directory of a network that diverged, so that it need not be trained again.
constexpr std::string_view kDivergedFile = "diverged.json";

std::size_t group_count(const Communicator& comm, const TrainingJob& job, std::size_t networks) {
    const std::size_t groups = job.config.resampling.groups;
    const std::size_t most = std::min(comm.size(), networks);
    if (groups <= most) return groups == 0 ? most : groups;
    throw ConfigError(fmt::format("{}: {} ranks train {} networks; choose at most {} groups, or 0",
                                  job.options.place("resampling.groups"), comm.size(), networks, most));
}

void check_first(const Communicator& comm, const SeveralNetworks& networks, std::size_t groups) {
    for (const std::size_t i : networks.checked_first) {
        const NetworkJob network = networks.job_of(comm, i);
        agree(comm, [&] {
            // Of the smallest group, whose ranks need most memory.
            check_trainable(network.config, network.options, network.prepared, comm.size() / groups);
        });
    }
}

RunFacts facts_of(const Communicator& comm, const TrainingJob& job, const SeveralNetworks& networks) {
    RunFacts facts;
    facts.subcommand = networks.subcommand;
    facts.flags = networks.flags;
    facts.ranks = comm.size();
    facts.hosts = comm.hosts();
    facts.threads = job.config.training.threads;
    if (job.prepared.start) facts.started_from = job.prepared.start->origin();
    return facts;
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream input(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
}

/// What is known of a network that is finished, on every rank of its group; null where it is not, or none of
/// them is to be kept. Collective.
Json finished_network(const Communicator& ranks, const TrainingJob& job, const std::filesystem::path& dir) {
    const std::string text = text_of_rank_0(ranks, [&]() -> std::string {
        if (job.going_on.empty()) return "";
        if (is_there(dir / kDivergedFile)) return text_of(dir / kDivergedFile);
        return result_of_finished_run(dir).value_or("");
    });
    // A file that is damaged says nothing: the network is trained again.
    Json result = is_json(text) ? parse_json<Json>(text) : Json();
    return result.is_object() ? result : Json();
}

/// A network's own job; `network` must outlive it.
TrainingJob own_job(const Communicator& ranks, const TrainingJob& job, const NetworkJob& network,
                    const std::string& name) {
    TrainingJob own{.config = network.config,
                    .options = network.options,
                    .prepared = network.prepared,
                    .member = name,
                    .ask = job.ask,
                    .limit = job.limit,
                    .allowed = job.allowed,
                    .faults = job.faults};
    const std::filesystem::path& dir = network.config.run.dir;
    const bool begun = !job.going_on.empty() && ranks.rank() == 0 && is_there(files_of_run(dir) / kRunFile);
    if (ranks.any(begun)) own.going_on = dir;
    return own;
}

/// The directory of them all, on rank 0. What would stop a later network is refused now.
std::optional<RunDirectory> make_directory(const Communicator& comm, const TrainingJob& job,
                                           const SeveralNetworks& networks) {
    return agree(comm, [&]() -> std::optional<RunDirectory> {
        if (comm.rank() != 0) return std::nullopt;
        if (!job.going_on.empty()) return RunDirectory::of_run(job.going_on);
        const auto now = std::chrono::system_clock::now();
        RunDirectory directory(job.config, job.options, now);
        std::error_code ignored;
        if (std::filesystem::is_directory(directory.path() / networks.report_file, ignored)) {
            throw ConfigError(fmt::format("{}: {} in it is a folder, where the report would go; move it away",
                                          job.options.place("run.dir"), networks.report_file));
        }
        Config config = job.config;
        for (const std::string& name : networks.dirs) {
            config.run.dir = directory.path() / name;
            choose_run_dir(config, job.options, now);
        }
        for (const std::string& name : networks.dirs)
            std::filesystem::remove(directory.path() / name / kDivergedFile, ignored);
        std::filesystem::remove(directory.path() / kResultFile, ignored);
        // For the networks' directories to be known as those of one run, which can go on.
        write_file(directory.path() / kRunFile,
                   json_text(run_record(job.options, facts_of(comm, job, networks)), 2) + "\n",
                   ExitCode::kUsage);
        directory.keep();
        return directory;
    });
}

/// Notes that a network diverged, for when the run goes on. Collective over its group.
Json note_divergence(const Communicator& ranks, const std::filesystem::path& dir,
                     const std::string& message) {
    Json result{{"run_dir", dir.string()}, {"diverged", message}};
    agree(ranks, [&] {
        if (ranks.rank() != 0) return;
        write_file(dir / kDivergedFile, json_text(result, 2) + "\n");
    });
    report_step(0);
    return result;
}

/// What comes of network i; null where it was stopped. Collective over its group.
Json train_one(const Communicator& ranks, const TrainingJob& job, const SeveralNetworks& networks,
               std::size_t i, const std::filesystem::path& dir, Progress& progress) {
    const std::filesystem::path own_dir = dir / networks.dirs[i];
    progress.line(networks.names[i]);
    Json result = finished_network(ranks, job, own_dir);
    if (!result.is_null()) return result;
    NetworkJob network = networks.job_of(ranks, i);
    network.config.run.dir = own_dir;
    try {
        const FinishedRun run =
            run_training(ranks, own_job(ranks, job, network, networks.names[i]), progress);
        return run.is_stopped ? Json() : to_json(run);
    } catch (const CollectiveError& error) {
        if (!networks.may_diverge || error.code() != ExitCode::kNumerical) throw;
        progress.line(fmt::format("{} diverged: {}", networks.names[i], error.what()));
        return note_divergence(ranks, own_dir, error.what());
    }
}

/// The groups' results together, in the networks' order. Collective.
std::vector<Json> gathered(const Communicator& comm, const Json& own_results, std::size_t count) {
    std::vector<Json> networks(count);
    // CBOR takes the names of files as they are, which JSON does not where they are no UTF-8.
    std::string own;
    Json::to_cbor(own_results, nlohmann::detail::output_adapter<char>(own));
    for (const std::string& part : comm.allgather(own)) {
        for (const Json& network : Json::from_cbor(part))
            networks.at(network["number"].get<std::size_t>() - 1) = network;
    }
    return networks;
}

/// Rank 0 says what is trained, and what there is to say of its data. Collective.
void introduce(const Communicator& comm, const TrainingJob& job, const std::filesystem::path& dir,
               Progress& progress) {
    agree(comm, [&] {
        if (comm.rank() == 0) open_output_log(job.config, job.options, dir, !job.going_on.empty());
    });
    introduce(comm,
              {.config = job.config,
               .network = job.prepared.network,
               .data = job.prepared.data,
               .dir = dir.string()},
              progress);
    if (comm.rank() != 0) return;
    for (const std::string& text : data_advice(job.prepared.data)) progress.warn(text);
}

}  // namespace

TrainedNetworks train_several(const Communicator& comm, const TrainingJob& job,
                              const SeveralNetworks& networks, Progress progress) {
    const std::size_t groups = agree(comm, [&] { return group_count(comm, job, networks.count()); });
    check_first(comm, networks, groups);
    TrainedNetworks trained{false, {}, make_directory(comm, job, networks)};
    std::string shared = trained.directory ? trained.directory->path().string() : "";
    comm.broadcast(shared, 0);
    const std::filesystem::path dir = shared;
    introduce(comm, job, dir, progress);
    // Neighbours share a host.
    const std::size_t group = comm.rank() * groups / comm.size();
    const Communicator ranks = comm.split(group);
    Json finished = Json::array();
    agree_among_groups(comm, ranks, [&] {
        for (std::size_t i = group; i < networks.count() && !trained.is_stopped; i += groups) {
            Json result = train_one(ranks, job, networks, i, dir, progress);
            trained.is_stopped = result.is_null();
            if (ranks.rank() != 0 || trained.is_stopped) continue;
            result["number"] = i + 1;
            finished.push_back(std::move(result));
        }
        report_place(Place::kGroups);
    });
    trained.is_stopped = comm.any(trained.is_stopped);
    if (trained.is_stopped) return trained;
    trained.report = {{"run_dir", dir.string()}, {"networks", gathered(comm, finished, networks.count())}};
    return trained;
}

void publish(const TrainedNetworks& trained, const SeveralNetworks& networks, bool overwrite) {
    const std::filesystem::path& dir = trained.directory->path();
    for (const std::filesystem::path& name :
         {std::filesystem::path(networks.report_file), std::filesystem::path(kResultFile)}) {
        write_file(dir / name, json_text(trained.report, 2) + "\n", ExitCode::kUsage);
    }
    if (!overwrite) return;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(dir, ignored)) {
        const std::string name = entry.path().filename().string();
        const bool older = name.starts_with(networks.kind + "-") && is_there(entry.path() / kRunFile) &&
                           std::ranges::find(networks.dirs, name) == networks.dirs.end();
        if (older) std::filesystem::remove_all(entry.path(), ignored);
    }
}

Json spread(const Json& networks, const std::string& score) {
    std::vector<double> values;
    for (const Json& network : networks) {
        if (network.contains(score)) values.push_back(network[score].get<double>());
    }
    if (values.empty() || values.size() < networks.size()) return {};
    const auto n = static_cast<double>(values.size());
    double mean = 0.0;
    for (const double value : values) mean += value / n;
    if (values.size() == 1) return {{"mean", mean}};
    double squares = 0.0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return {{"mean", mean}, {"standard_deviation", std::sqrt(squares / (n - 1.0))}};
}

std::string score_text(const Json& network, const std::string& set) {
    if (!network.contains(set + "_loss")) return {};
    std::string text = fmt::format("  {} loss {:.5f}", set, network[set + "_loss"].get<double>());
    if (network.contains(set + "_accuracy")) {
        text += fmt::format(" accuracy {:.2f} %", 100.0 * network[set + "_accuracy"].get<double>());
    }
    return text;
}

}  // namespace lockstep
