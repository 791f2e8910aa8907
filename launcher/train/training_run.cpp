#include "launcher/train/training_run.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "comm/agreement.h"
#include "comm/watchdog.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/threads.h"
#include "launcher/files/model_file.h"
#include "launcher/recovery/checkpoint_reader.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/output_log.h"
#include "launcher/run/version.h"
#include "launcher/score/data_advice.h"
#include "launcher/score/data_check.h"
#include "launcher/score/learning_advice.h"
#include "launcher/score/memory_check.h"
#include "launcher/score/target_range.h"
#include "launcher/telemetry/banner.h"
#include "launcher/train/checkpointing.h"
#include "launcher/train/plan_report.h"

namespace lockstep {

namespace {

RunFacts facts_of(const Communicator& comm, const TrainingJob& job, const DataSets& data,
                  const Trainer& trainer) {
    const Config& config = job.config;
    RunFacts facts;
    facts.subcommand = "train";
    facts.member = job.member;
    facts.seed = config.training.seed;
    facts.ranks = comm.size();
    facts.hosts = comm.hosts();
    facts.threads = config.training.threads;
    facts.train_data = data.train->description();
    facts.test_data = data.test->description();
    if (data.validation) {
        facts.validation_data = data.validation->description();
        facts.validation_digest = data.validation->digest();
    }
    facts.train_digest = data.train->digest();
    facts.test_digest = data.test->digest();
    if (job.prepared.start) facts.started_from = job.prepared.start->origin();
    facts.inputs = data.train->raw_size();
    facts.input_divisor = data.train->input_divisor();
    facts.parameter_count = trainer.layout().parameter_count();
    facts.steps_per_epoch = trainer.plan().steps_per_epoch();
    facts.promise_kept = config.comm.reduction == Reduction::kTree;
    facts.allowed = job.allowed;
    return facts;
}

/// Rank 0 opens the run's directory, once nothing can be refused any more; the others get none.
std::optional<RunDirectory> open_directory(const Communicator& comm, const TrainingJob& job) {
    return agree(comm, [&]() -> std::optional<RunDirectory> {
        if (comm.rank() != 0) return std::nullopt;
        if (!job.going_on.empty()) return RunDirectory::of_run(job.going_on);
        return RunDirectory(job.config, job.options, std::chrono::system_clock::now());
    });
}

/// Throws ConfigError where the ranks write parts of the checkpoints, and not all of them see the run's
/// directory, whose lock rank 0 has. Collective.
void check_all_see(const Communicator& comm, const Config& config,
                   const std::optional<RunDirectory>& directory) {
    const bool is_divided =
        config.comm.sharding != Sharding::kNone || config.comm.compression == Compression::kTopK;
    const Interval& every = config.run.checkpoint_every;
    if (!is_divided || (every.steps == 0 && every.seconds == 0.0)) return;
    std::string dir = directory ? std::filesystem::absolute(directory->path()).string() : "";
    comm.broadcast(dir, 0);
    agree(comm, [&] {
        if (is_there(std::filesystem::path(dir) / kRunLockFile)) return;
        throw ConfigError(fmt::format(
            "the run's directory {} is not seen on this host: with comm.shard or top_k every rank writes a "
            "part of "
            "a checkpoint, so run.dir must be on a file system that all hosts share; choose another, or do "
            "without checkpoints: run.checkpoint_every = 0",
            dir));
    });
}

/// Lets the trainer stand where the newest good checkpoint of a run that goes on does; nothing where there is
/// none. `files` is rank 0's.
std::optional<SavedRun> stand_where_saved(const Communicator& comm, const TrainingJob& job,
                                          const std::filesystem::path& files, const RunIdentity& identity,
                                          Trainer& trainer, Progress& progress) {
    const CheckpointReader reader(comm, files);
    for (const std::string& damaged : reader.damaged()) progress.warn(damaged);
    if (!reader.checkpoint()) {
        progress.line(fmt::format("{} has no {}checkpoint: the run begins again", files.string(),
                                  reader.damaged().empty() ? "" : "good "));
        return std::nullopt;
    }
    if (!reader.damaged().empty())
        progress.line(fmt::format("goes on from the checkpoint before: {}", reader.folder().string()));
    SavedRun saved = agree(comm, [&] {
        SavedRun run = saved_run_from_json(reader.checkpoint()->run);
        if (comm.rank() == 0) check_unchanged(run.identity, identity, job.allowed);
        return run;
    });
    trainer.begin_from(saved.state,
                       [&](const SetState& set, const WantsState& wants) { reader.fill(set, wants); });
    return saved;
}

/// On rank 0, once nothing can be refused any more.
std::optional<RunLog> open_log(const Communicator& comm, const TrainingJob& job, const RunFacts& facts,
                               std::optional<RunDirectory> directory, const std::optional<SavedRun>& saved) {
    const std::size_t step = saved ? saved->state.at.step : 0;
    std::optional<RunLog> log = agree(comm, [&]() -> std::optional<RunLog> {
        if (!directory) return std::nullopt;
        // Of several networks, all of what is printed has one file, which is open already.
        if (job.member.empty())
            open_output_log(job.config, job.options, directory->path(), !job.going_on.empty());
        if (job.going_on.empty()) return RunLog(std::move(*directory), run_record(job.options, facts));
        const auto record =
            run_record_going_on(read_run_record(directory->files()), job.options, facts, step);
        return RunLog(std::move(*directory), record, step);
    });
    agree(comm, [&] {
        if (log && job.config.run.tensorboard) log->begin_event_file(step);
    });
    return log;
}

void say_what_differs(Journal& journal, const Communicator& comm, const Config& config,
                      const BatchPlan& plan) {
    if (const auto& rates = config.learning_rate.rates; rates.size() > 1)
        journal.line("learning rate " + rates_text(rates));
    if (const std::string advice = rate_advice(config); !advice.empty()) journal.warn(advice);
    const std::size_t leaves = plan.batch(0, 0).leaves;
    if (comm.size() > leaves) {
        journal.warn(fmt::format(
            "{} ranks share {} leaves, so ranks {} to {} have no samples; use at most {} ranks, a "
            "larger training.global_batch or a smaller training.leaf",
            comm.size(), leaves, leaves, comm.size() - 1, leaves));
    }
    if (config.comm.reduction == Reduction::kMpi) {
        journal.warn(
            "comm.reduction = mpi: MPI chooses the order of the sums, so the promise of equal bits on any "
            "number of ranks does not hold for this run");
    }
    if (config.comm.compression != Compression::kNone) {
        journal.warn(
            fmt::format("comm.compression = {}: the numbers, though still equal for any number of ranks, "
                        "differ from those "
                        "of gradients that are not compressed",
                        name_of(config.comm.compression)));
    }
    if (config.training.arithmetic == Arithmetic::kFp32Amx && instruction_set() != InstructionSet::kAmx) {
        journal.warn(
            "training.arithmetic = fp32_amx: without AMX, here, it takes several times as long as fp32; the "
            "bits "
            "are those of a run with AMX");
    }
}

/// Those that are given: by the configuration's file of weights, or by a model with what it leaves to be
/// drawn. None: all are drawn.
std::vector<float> first_parameters(const Prepared& prepared, std::uint64_t seed) {
    if (!prepared.start) return prepared.weights;
    return prepared.start->parameters(prepared.network, seed);
}

/// `path` is rank 0's. Collective.
void save(const Communicator& comm, const std::filesystem::path& path, const Config& config,
          const Prepared& prepared, Trainer& trainer, const RunPosition& at) {
    ModelRecord record;
    record.network = prepared.network;
    record.data_source = config.data.source;
    record.input_divisor = prepared.data.train->input_divisor();
    record.classes = prepared.data.train->classes();
    record.preprocessing = prepared.preprocessing;
    record.seed = config.training.seed;
    record.step = at.step;
    record.epoch = at.epoch;
    record.optimizer = config.optimizer.name;
    record.arithmetic = config.training.arithmetic;
    record.lockstep_version = kVersion;
    write_model(comm, path, std::move(record), trainer.layout(), trainer.parameters());
}

/// A drill in which nothing happened is no drill: says which faults of --inject came to nothing. Collective.
void tell_missed_faults(const Communicator& comm, const Faults& faults, std::size_t first_step,
                        std::size_t last_step, std::size_t checkpoints, Journal& journal) {
    if (!faults.armed()) return;
    std::set<std::string> missed;
    for (const std::string& texts : comm.allgather(
             fmt::format("{}", fmt::join(faults.missed(first_step, last_step, checkpoints), "\n")))) {
        std::istringstream lines(texts);
        for (std::string text; std::getline(lines, text);) missed.insert(text);
    }
    for (const std::string& text : missed)
        journal.warn(
            fmt::format("--inject {} has not happened: the run had steps {} to {} and {} checkpoint{}", text,
                        first_step, last_step, checkpoints, checkpoints == 1 ? "" : "s"));
}

/// Ends a run before its end.
void stop(FinishedRun& run, const TrainingJob& job, Trainer& trainer, StopReason reason, Journal& journal) {
    const RunState& state = trainer.state();
    run.result.phases = trainer.phases();
    run.result.at = state.at;
    run.result.scores = state.scores;
    run.result.seconds = journal.seconds();
    run.result.training_seconds = journal.training_seconds();
    run.result.samples = journal.samples_until(state.at);
    run.stop_reason = reason;
    if (const auto& log = journal.log()) run.dir = log->dir();
    if (job.member.empty())
        for (const std::string& text : table_of(run.result.phases)) journal.line(text);
    // One of several networks goes on with the others.
    const std::filesystem::path& whole = job.member.empty() ? run.dir : run.dir.parent_path();
    journal.stopped_early(state.at, reason, whole.string(), run.result.phases);
}

}  // namespace

void check_trainable(const Config& config, const ResolvedOptions& options, const Prepared& prepared,
                     std::size_t ranks) {
    check_stopping(config, options, prepared.network, prepared.data.validation != nullptr);
    const PlanReport plan = make_plan(config, prepared.network, *prepared.data.train, ranks);
    check_memory(options, plan.activation_bytes, plan.memory_bytes());
}

FinishedRun run_training(const Communicator& comm, const TrainingJob& job, Progress progress) {
    Prepared prepared = job.prepared;
    agree(comm, [&] {
        check_trainable(job.config, job.options, prepared, comm.size());
        fit_inputs(prepared, job.config.preprocessing);
        check_threads_start(static_cast<int>(job.config.training.threads));
    });
    Trainer trainer(comm, job.config, prepared.network, prepared.data,
                    agree(comm, [&] { return first_parameters(prepared, job.config.training.seed); }));
    trainer.inject(job.faults);
    RunFacts facts;
    if (comm.rank() == 0) facts = facts_of(comm, job, prepared.data, trainer);
    const RunIdentity identity = comm.rank() == 0 ? RunIdentity::of(job.options, facts) : RunIdentity();
    std::optional<RunDirectory> directory = open_directory(comm, job);
    check_all_see(comm, job.config, directory);
    const std::filesystem::path files = directory ? directory->files() : std::filesystem::path();
    std::optional<SavedRun> saved;
    if (!job.going_on.empty()) saved = stand_where_saved(comm, job, files, identity, trainer, progress);
    Journal journal(progress, open_log(comm, job, facts, std::move(directory), saved),
                    job.config.run.log_every);
    if (job.member.empty()) {
        introduce(comm,
                  {.config = job.config,
                   .network = prepared.network,
                   .data = prepared.data,
                   .plan = &trainer.plan(),
                   .parameters = trainer.layout().parameter_count(),
                   .dir = journal.log() ? journal.log()->dir().string() : ""},
                  progress);
    }
    if (saved) {
        journal.go_on(saved->state.at, saved->times, saved->ranks, comm.size());
    } else {
        journal.begin(comm.size());
    }
    if (const auto& log = journal.log(); log && log->files() != log->dir()) {
        journal.line(fmt::format("{} keeps its older run until this one ends; until then this one is in {}",
                                 log->dir().string(), log->files().string()));
    }
    say_what_differs(journal, comm, job.config, trainer.plan());
    if (comm.rank() == 0) {
        if (prepared.data.train->input_divisor())
            journal.line("inputs: " + inputs_text(*prepared.data.train, job.config.data.scale));
        // Of several networks' data is told once, by train_several.
        if (job.member.empty())
            for (const std::string& text : data_advice(prepared.data)) journal.warn(text);
        const std::string advice = target_range_advice(prepared.network, *prepared.data.train);
        if (!advice.empty()) journal.warn(advice);
    }

    Checkpointing checkpointing(comm, job.config, files, identity, job.faults);
    TimeLimit limit = job.limit;
    const auto ask = [&] {
        RunRequests asked = job.ask ? job.ask() : RunRequests{};
        if (checkpointing.due()) asked.checkpoint = true;
        if (comm.rank() == 0 && limit.is_near(TimeLimit::Seconds(checkpointing.seconds()))) asked.stop = true;
        return asked;
    };
    FinishedRun run;
    while (!trainer.is_over() && !run.is_stopped) {
        const RunRequests asked =
            trainer.advance(journal, checkpointing.next_step(trainer.state().at.step), ask);
        if (trainer.is_over()) break;
        {
            const PhaseSpan saving(trainer.recorder(), Phase::kCheckpoint);
            checkpointing.save(trainer, journal);
        }
        run.is_stopped = asked.stop;
    }
    report_place(Place::kFiles);
    {
        const PhaseSpan saving(trainer.recorder(), Phase::kCheckpoint);
        checkpointing.finish();
    }
    report_step(0);
    tell_missed_faults(comm, job.faults, saved ? saved->state.at.step + 1 : 1, trainer.state().at.step,
                       checkpointing.count(), journal);
    const auto& log = journal.log();
    if (run.is_stopped) {
        stop(run, job, trainer, limit.reason(), journal);
        trainer.write_trace(files / kTraceFile);
        return run;
    }
    run.result = trainer.train(journal);
    if (job.member.empty())
        for (const std::string& text : table_of(run.result.phases)) journal.line(text);
    report_place(Place::kFiles);
    report_step(0);

    // The model comes last: where it is, the run is whole, wherever the process is killed.
    agree(comm, [&] {
        if (!log) return;
        run.dir = log->dir();
        run.model = run.dir / kModelFile;
        journal.result(to_json(run));
    });
    try {
        save(comm, log ? log->model_path() : std::filesystem::path(), job.config, prepared, trainer,
             run.result.of_model);
    } catch (...) {
        std::error_code ignored;
        if (log) std::filesystem::remove(log->files() / kResultFile, ignored);
        throw;
    }
    agree(comm, [&] {
        if (log) journal.publish();
    });
    // What is only to be looked at cannot cost the run.
    trainer.write_trace(run.dir / kTraceFile);
    return run;
}

nlohmann::json to_json(const FinishedRun& run) {
    const TrainingResult& result = run.result;
    nlohmann::json json{
        {"run_dir", run.dir.string()},
        {"epoch", result.at.epoch},
        {"stopped_by", run.is_stopped ? to_string(run.stop_reason) : to_string(result.ending.reason)},
        {"step", result.at.step},
        {"samples", result.at.samples},
        {"seconds", result.seconds},
        {"training_seconds", result.training_seconds}};
    if (!run.is_stopped) {
        json["model"] = run.model.string();
        json["digest"] = result.digest.hex();
        json["model_epoch"] = result.of_model.epoch;
    }
    if (result.samples > 0) {
        json["samples_per_second"] = static_cast<double>(result.samples) / result.training_seconds;
    }
    const auto add = [&](const char* set, const std::optional<Score>& score) {
        if (!score) return;
        json[fmt::format("{}_loss", set)] = score->loss;
        if (score->accuracy) json[fmt::format("{}_accuracy", set)] = *score->accuracy;
    };
    if (result.ending.best_epoch > 0) json["best_epoch"] = result.ending.best_epoch;
    add("train", result.scores.train);
    add("validation", result.scores.validation);
    add("test", result.scores.test);
    if (result.phases.steps > 0) {
        add_phases(json, result.phases);
        if (result.phases.hidden_share) json["communication_hidden_share"] = *result.phases.hidden_share;
    }
    if (!result.concern.empty()) json["warning"] = result.concern;
    return json;
}

}  // namespace lockstep
