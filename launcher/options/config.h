// The configuration of a run, typed: what the resolved options say, with impossible combinations refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "comm/gradient_reducer.h"
#include "core/arithmetic/arithmetic.h"
#include "core/data/augmentation.h"
#include "core/data/batch_plan.h"
#include "core/data/open_data.h"
#include "core/data/preprocessing.h"
#include "core/network/network_spec.h"
#include "core/training/learning_rate.h"
#include "core/training/optimizer.h"
#include "core/training/regularisation.h"
#include "launcher/options/duration.h"
#include "launcher/options/options.h"

namespace lockstep {

/// training.global_batch = all: the whole training set is one batch.
inline constexpr std::size_t kWholeSet = std::numeric_limits<std::size_t>::max();

struct TrainingConfig {
    std::size_t epochs = 0;          ///< 0: bounded by max_steps alone
    std::size_t max_steps = 0;       ///< 0: bounded by epochs alone; both 0: initialise and save
    std::size_t global_batch = 128;  ///< over all ranks; kWholeSet for `all`
    std::size_t leaf = 32;
    std::size_t micro_batch = 0;  ///< samples whose activations are alive on a rank; 0: its whole share
    SampleOrder order = SampleOrder::kShuffled;
    std::uint64_t seed = 1;
    std::size_t threads = 1;  ///< per rank, as it will be (the default is already looked up)
    Arithmetic arithmetic = Arithmetic::kFp32;
    std::size_t patience = 0;       ///< checks without a better one; 0: no early stopping
    bool keep_best = false;         ///< the parameters of the best check, not the last ones
    bool watches_accuracy = false;  ///< what makes a check the best: its validation accuracy, not its loss
    double stop_gradient = 0.0;     ///< norm of the mean gradient to stop at; 0: never
    /// How many in a row must be that small, where it is that of a step.
    std::size_t stop_gradient_steps = 10;
    bool stop_gradient_of_epoch = false;  ///< the norm is that of an epoch's mean gradient, not of a step's
    bool log_gradient = false;            ///< run.log_gradient: the norms are in the log in any case

    [[nodiscard]] bool watches_validation() const { return patience > 0 || keep_best; }
    /// "validation loss", "validation accuracy".
    [[nodiscard]] std::string_view watched() const {
        return watches_accuracy ? "validation accuracy" : "validation loss";
    }
    /// The key by which it is watched.
    [[nodiscard]] std::string_view watching_key() const {
        return patience > 0 ? "training.patience" : "training.keep";
    }
    /// Whether gradients have their norms taken: of each step, and of each epoch as well.
    [[nodiscard]] bool takes_norms() const { return stop_gradient > 0.0 || log_gradient; }
    [[nodiscard]] bool takes_epoch_norms() const { return stop_gradient_of_epoch || log_gradient; }
    /// Steps of the whole run, 0 where it only initialises.
    [[nodiscard]] std::size_t steps(std::size_t steps_per_epoch) const;
};

struct CommConfig {
    Reduction reduction = Reduction::kTree;
    Sharding sharding = Sharding::kNone;
    Compression compression = Compression::kNone;
    double keep = 0.0;  ///< share of a leaf's values that go up the tree, with kTopK
    double bucket_mib = 1.0;
    std::size_t check_every = 100;  ///< steps between comparisons of the replicas; 0: only at the end

    /// Bytes of a bucket, at least one value.
    [[nodiscard]] std::size_t bucket_bytes() const;
};

/// Of the subcommands that train several networks of one configuration.
struct ResamplingConfig {
    std::size_t folds = 0;  ///< of crossval
    std::size_t bags = 0;   ///< networks of bag
    std::size_t groups =
        0;  ///< of ranks, each with a network of its own; 0: as many as there are networks or ranks
    std::uint64_t seed = 1;
};

/// run.ledger: the steps of which ledger.jsonl has digests by layer.
enum class LedgerSteps { kOff, kEpoch, kStep };
template <>
inline constexpr std::array<std::string_view, 3> names_of<LedgerSteps>{"off", "epoch", "step"};

struct RunConfig {
    std::filesystem::path
        dir;                 ///< empty: runs/<configuration>-<date>-<time>, see choose_run_dir in run_log.h
    bool overwrite = false;  ///< a run that `dir` already holds is replaced
    std::size_t evaluate_every = 1;  ///< epochs between measurements on the test set; 0: only at the end
    std::size_t log_every = 100;     ///< steps between lines of metrics.jsonl; 0: only at the end of an epoch
    double max_wall_time_seconds = 0.0;  ///< after which it is over; 0: no limit
    std::optional<std::size_t>
        audit_every;                  ///< steps between audits; 0: none; not given: as few as cost little
    Interval checkpoint_every;        ///< none but for a signal where it is never
    std::size_t checkpoint_keep = 2;  ///< of the newest, besides the best
    std::filesystem::path log_file;   ///< what is printed goes there as well; empty: nowhere
    bool trace = false;
    std::size_t trace_steps = 100;
    bool tensorboard = false;
    LedgerSteps ledger = LedgerSteps::kEpoch;
    double hang_timeout_seconds = 300.0;  ///< without progress, before the job ends; 0: never
};

/// All that is not set is as the table of options has it by default; there are no layers and no data, and
/// nothing is trained.
struct Config {
    std::string name;  ///< of the configuration file: "mnist"
    DataOptions data;
    AugmentationOptions augmentation;
    PreprocessingOptions preprocessing;
    NetworkSpec network;            ///< inputs is 0 until the data is open
    std::filesystem::path weights;  ///< network.weights; empty: none
    std::filesystem::path digraph;  ///< network.digraph, for eval alone; empty: none. With one, all but the
                                    ///< data is as it is by default, and there are no layers
    std::size_t digraph_steps = 0;
    TrainingConfig training;
    OptimizerOptions optimizer;
    RegularisationOptions regularisation;
    LearningRateOptions learning_rate;
    CommConfig comm;
    ResamplingConfig resampling;
    RunConfig run;
};

/// Throws ConfigError, naming key and origin, for combinations that cannot be.
Config make_config(const ResolvedOptions& options);

/// The values that count, without the keys that a choice of a higher source leaves unread: a flag
/// --optimizer.name adam drops the momentum that a file, or a variable, gives besides another rule. Each has
/// its default then, and ResolvedOptions::dropped says so. What one source contradicts itself in stays, for
/// make_config to refuse.
ResolvedOptions settle(const std::string& config_name, const std::vector<LayeredOption>& layered);

}  // namespace lockstep
