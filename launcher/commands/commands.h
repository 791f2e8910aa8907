// The subcommands, and what main hands to them. Each prints its result and returns the exit code; errors are
// thrown.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launcher/bench/bench.h"
#include "launcher/commands/runs/replay.h"
#include "launcher/commands/runs/verify.h"
#include "launcher/forecast/forecast.h"
#include "launcher/options/config.h"
#include "launcher/options/options.h"
#include "launcher/report/report.h"
#include "launcher/run/faults.h"
#include "launcher/score/ensemble.h"
#include "launcher/several/sweep_grid.h"

namespace lockstep {

class Communicator;

/// What `gradcheck` is told by flags of its own.
struct GradcheckInput {
    std::size_t samples = 8;
    std::size_t parameters = 50;      ///< of each block; 0: all
    std::optional<double> tolerance;  ///< relative; not given: by the arithmetic
};

/// What the command line said, besides the keys of the configuration.
struct CommandInput {
    std::vector<std::filesystem::path> positional;  ///< as many as the subcommand takes: CONFIG, FILE, A B
    bool json = false;                              ///< one JSON object on stdout and nothing else
    std::vector<std::filesystem::path> models;  ///< --model FILE, which eval and predict take several times
    std::string model_layers;                   ///< --model_layers N|NAMES; "": all
    Combination combination = Combination::kAverage;  ///< --combine
    std::filesystem::path out;                        ///< --out FILE
    std::string set = "test";                         ///< --set train|validation|test
    std::string format;                               ///< --format safetensors|npz|onnx
    std::filesystem::path network_of;                 ///< --config CONFIG of `import`
    std::size_t ranks = 0;                            ///< --ranks N; 0: not given
    ForecastInput forecast;                           ///< of `plan`: how long it will take
    bool layers = false;                              ///< --layers
    bool confusion = false;                           ///< --confusion
    std::filesystem::path wrong;                      ///< --wrong FILE
    bool probabilities = false;                       ///< --probabilities
    ReportInput report;                               ///< of `report`, whose flags are its own
    BenchInput bench;                                 ///< of `bench`, whose flags are its own
    std::vector<Fault> faults;                        ///< --inject FAULT, several times
    GradcheckInput gradcheck;                         ///< of `gradcheck`, likewise

    SweepInput sweep;                                               ///< of `sweep`, likewise
    VerifyInput verify;                                             ///< of `verify`, likewise
    ReplayInput replay;                                             ///< of `replay`, likewise
    bool ledger_only = false;                                       ///< --ledger_only
    std::vector<std::pair<std::string, std::string>> config_flags;  ///< keys given as flags, in order

    std::vector<std::string> allowed;  ///< --allow: what may have changed since a run stood
    // Of a run that goes on, by `resume`:
    std::vector<std::string> allowed_before;  ///< what earlier sessions allowed and none now changes
    std::string subcommand;                   ///< "train", "crossval", "bag", "sweep"
    std::string start_digest;                 ///< of the model that it started from; empty: from none
    std::filesystem::path going_on;           ///< its directory; empty: a new run

    ResolvedOptions options;  ///< of the subcommands that take CONFIG or RUN_DIR: the same on every rank
    Config config;
};

// On every rank of the communicator; each returns the same code on all.
int command_train(Communicator& communicator, const CommandInput& input);
int command_replay(Communicator& communicator, const CommandInput& input);  ///< on one
int command_resume(Communicator& communicator, const CommandInput& input);
/// The configuration of the run in input.positional[0], with the flags' values in place of its own; sets
/// `subcommand`, the model it started from and `allowed_before`. Throws ConfigError and CheckpointError
/// through agree. Collective.
ResolvedOptions options_of_run(const Communicator& communicator, CommandInput& input);
int command_crossval(Communicator& communicator, const CommandInput& input);
int command_bag(Communicator& communicator, const CommandInput& input);
int command_sweep(Communicator& communicator, const CommandInput& input);
int command_eval(Communicator& communicator, const CommandInput& input);
int command_predict(Communicator& communicator, const CommandInput& input);
int command_bench(Communicator& communicator, const CommandInput& input);
int command_info(Communicator& communicator, const CommandInput& input);  ///< with a line for every rank

// On one process, without MPI. Under mpirun the first process alone runs them, unless they differ from rank
// to rank: then each runs its own.
int command_info_alone(const CommandInput& input);
int command_plan(const CommandInput& input);
int command_gradcheck(const CommandInput& input);
int command_digest(const CommandInput& input);
int command_diff(const CommandInput& input);
/// What command_diff returns, as diff(1) does.
inline constexpr int kModelsDiffer = 1;
/// The same for two run directories.
int diff_runs(const CommandInput& input);
int command_verify(const CommandInput& input);
int command_export(const CommandInput& input);
int command_convert(const CommandInput& input);
int command_report(const CommandInput& input);
int command_import(const CommandInput& input);

}  // namespace lockstep
