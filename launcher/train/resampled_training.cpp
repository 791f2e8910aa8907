#include "launcher/train/resampled_training.h"
#include "launcher/score/data_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "comm/watchdog.h"
#include "core/data/subset.h"
#include "launcher/files/atomic_file.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/output_log.h"
#include "launcher/run/printing.h"
#include "launcher/score/data_advice.h"
#include "launcher/telemetry/banner.h"

namespace lockstep {

namespace {

std::size_t group_count(const Communicator& comm, const TrainingJob& job, std::size_t networks) {
    const std::size_t groups = job.config.resampling.groups;
    const std::size_t most = std::min(comm.size(), networks);
    if (groups <= most) return groups == 0 ? most : groups;
    throw ConfigError(fmt::format("{}: {} ranks train {} networks; choose at most {} groups, or 0",
                                  job.options.place("resampling.groups"), comm.size(), networks, most));
}

void refuse_splits(const TrainingJob& job) {
    if (!job.prepared.data.validation) return;
    throw ConfigError(
        fmt::format("{}: every network has a validation part of its own draw; set data.split = none",
                    job.options.place("data.split")));
}

RunFacts facts_of(const Communicator& comm, const TrainingJob& job, const ResampledTraining& training) {
    RunFacts facts;
    facts.subcommand = training.subcommand;
    facts.ranks = comm.size();
    facts.hosts = comm.hosts();
    facts.threads = job.config.training.threads;
    if (job.prepared.start) facts.started_from = job.prepared.start->origin();
    return facts;
}

/// What train printed of a network that is finished, on every rank of its group; null where it is not, or
/// none of them is to be kept. Collective.
nlohmann::json finished_member(const Communicator& ranks, const TrainingJob& job,
                               const std::filesystem::path& dir) {
    std::string text = agree(ranks, [&]() -> std::string {
        if (ranks.rank() != 0 || job.going_on.empty()) return "";
        return result_of_finished_run(dir).value_or("");
    });
    ranks.broadcast(text, 0);
    return text.empty() ? nlohmann::json() : nlohmann::json::parse(text);
}

/// A network's own job.
TrainingJob member_job(const Communicator& ranks, const TrainingJob& job, const Config& config,
                       const Prepared& prepared, const std::string& name) {
    TrainingJob member{.config = config,
                       .options = job.options,
                       .prepared = prepared,
                       .member = name,
                       .ask = job.ask,
                       .limit = job.limit,
                       .allowed = job.allowed,
                       .faults = job.faults};
    const bool begun =
        !job.going_on.empty() && ranks.rank() == 0 && is_there(files_of_run(config.run.dir) / kRunFile);
    if (ranks.any(begun)) member.going_on = config.run.dir;
    return member;
}

/// The directory of them all, on rank 0. What would stop a later network is refused now.
std::optional<RunDirectory> make_directory(const Communicator& comm, const TrainingJob& job,
                                           const ResampledTraining& training) {
    return agree(comm, [&]() -> std::optional<RunDirectory> {
        if (comm.rank() != 0) return std::nullopt;
        if (!job.going_on.empty()) return RunDirectory::of_run(job.going_on);
        const auto now = std::chrono::system_clock::now();
        RunDirectory directory(job.config, job.options, now);
        std::error_code ignored;
        if (std::filesystem::is_directory(directory.path() / training.report_file, ignored)) {
            throw ConfigError(fmt::format("{}: {} in it is a folder, where the report would go; move it away",
                                          job.options.place("run.dir"), training.report_file));
        }
        Config config = job.config;
        for (std::size_t number = 1; number <= training.count; ++number) {
            config.run.dir = member_dir(directory.path(), training.kind, number);
            choose_run_dir(config, job.options, now);
        }
        std::filesystem::remove(directory.path() / kResultFile, ignored);
        // For the members' directories to be known as those of one run, which can go on.
        AtomicFile record(directory.path() / kRunFile, ExitCode::kUsage);
        record.write(json_text(run_record(job.options, facts_of(comm, job, training)), 2) + "\n");
        record.commit();
        directory.keep();
        return directory;
    });
}

Prepared prepare_member(const TrainingJob& job, Resample draw, const std::string& name) {
    if (draw.validation.empty()) {
        throw DataError(fmt::format("{}: {} leaves no sample to judge by; more samples are needed",
                                    job.prepared.data.train->description(), name));
    }
    Prepared member = job.prepared;
    member.data.train =
        std::make_shared<Subset>(job.prepared.data.train, std::move(draw.training), name + ", training part");
    member.data.validation = std::make_shared<Subset>(job.prepared.data.train, std::move(draw.validation),
                                                      name + ", validation part");
    member.network = check_against_data(job.config, job.options, *member.data.train, *member.data.test);
    return member;
}

}  // namespace

Resampled train_resampled(const Communicator& comm, const TrainingJob& job, const ResampledTraining& training,
                          Progress progress) {
    const std::size_t groups = agree(comm, [&] {
        refuse_splits(job);
        return group_count(comm, job, training.count);
    });
    Resampled trained{false, {}, make_directory(comm, job, training)};
    std::string shared = trained.directory ? trained.directory->path().string() : "";
    comm.broadcast(shared, 0);
    const std::filesystem::path dir = shared;
    agree(comm, [&] {
        if (comm.rank() == 0) open_output_log(job.config, job.options, dir, !job.going_on.empty());
    });
    const std::vector<RankMachine> machines = comm.allgather_value(this_machine(job.config.training.threads));
    if (comm.rank() == 0) {
        const RunTitle title{
            .config = job.config, .network = job.prepared.network, .data = job.prepared.data, .dir = shared};
        for (const std::string& text : banner(title, machines, comm.hosts())) progress.line(text);
        const std::string advice = crowded_host_advice(machines, comm.hosts());
        if (!advice.empty()) progress.warn(advice);
        for (const std::string& text : data_advice(job.prepared.data)) progress.warn(text);
    }
    // Neighbours share a host.
    const std::size_t group = comm.rank() * groups / comm.size();
    const Communicator ranks = comm.split(group);
    nlohmann::json finished = nlohmann::json::array();
    agree_among_groups(comm, ranks, [&] {
        for (std::size_t i = group; i < training.count && !trained.is_stopped; i += groups) {
            const std::string name = fmt::format("{} {} of {}", training.kind, i + 1, training.count);
            const Prepared member = agree(ranks, [&] { return prepare_member(job, training.draw(i), name); });
            Config config = job.config;
            config.run.dir = member_dir(dir, training.kind, i + 1);
            if (training.own_seeds) config.training.seed += i;
            progress.line(name);
            nlohmann::json result = finished_member(ranks, job, config.run.dir);
            if (result.is_null()) {
                const FinishedRun run =
                    run_training(ranks, member_job(ranks, job, config, member, name), progress);
                trained.is_stopped = run.is_stopped;
                result = to_json(run);
            }
            if (ranks.rank() != 0 || trained.is_stopped) continue;
            result["number"] = i + 1;
            finished.push_back(std::move(result));
        }
        report_place(Place::kGroups);
    });
    trained.is_stopped = comm.any(trained.is_stopped);
    if (trained.is_stopped) return trained;
    std::vector<nlohmann::json> networks(training.count);
    // CBOR takes the names of files as they are, which JSON does not where they are no UTF-8.
    std::string own;
    nlohmann::json::to_cbor(finished, nlohmann::detail::output_adapter<char>(own));
    for (const std::string& part : comm.allgather(own)) {
        for (const nlohmann::json& network : nlohmann::json::from_cbor(part)) {
            networks.at(network["number"].get<std::size_t>() - 1) = network;
        }
    }
    trained.report = {{"run_dir", dir.string()}, {"networks", networks}};
    return trained;
}

void publish(const Resampled& trained, const ResampledTraining& training, bool overwrite) {
    const std::filesystem::path& dir = trained.directory->path();
    AtomicFile out(dir / training.report_file, ExitCode::kUsage);
    out.write(json_text(trained.report, 2) + "\n");
    out.commit();
    AtomicFile result(dir / kResultFile, ExitCode::kUsage);
    result.write(json_text(trained.report, 2) + "\n");
    result.commit();
    if (overwrite) {
        for (std::size_t number = training.count + 1;
             is_there(member_dir(dir, training.kind, number) / kRunFile); ++number) {
            std::error_code ignored;
            std::filesystem::remove_all(member_dir(dir, training.kind, number), ignored);
        }
    }
}

std::string score_text(const nlohmann::json& network, const std::string& set) {
    if (!network.contains(set + "_loss")) return {};
    std::string text = fmt::format("  {} loss {:.5f}", set, network[set + "_loss"].get<double>());
    if (network.contains(set + "_accuracy")) {
        text += fmt::format(" accuracy {:.2f} %", 100.0 * network[set + "_accuracy"].get<double>());
    }
    return text;
}

}  // namespace lockstep
