// run.json: what a run is, on what and with which settings it was made, and its sessions, of which it has one
// more each time it goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "launcher/options/options.h"
#include "launcher/score/warm_start.h"

namespace lockstep {

/// What run.json says besides the resolved configuration. What every build knows is added: lockstep's
/// version, compiler, MPI library, instruction set, CPU model.
struct RunFacts {
    std::string subcommand;  ///< "train", "crossval", "bag", "sweep"
    std::string member;      ///< which of several networks of the configuration; "": the only one
    std::uint64_t seed = 1;  ///< which it is drawn from, where there are several
    std::size_t ranks = 1;
    std::vector<std::string> hosts;  ///< (ranks)
    std::size_t threads = 1;         ///< per rank
    std::string train_data;          ///< Dataset::description()
    std::string validation_data;     ///< "" where there is none
    std::string test_data;
    std::string train_digest;  ///< 32 hex digits of what was read, or "" where nothing computes it
    std::string validation_digest;
    std::string test_digest;
    std::optional<ModelOrigin> started_from;  ///< the model whose parameters it began with
    std::size_t inputs = 0;                   ///< of a sample, before preprocessing
    std::optional<float> input_divisor;       ///< Dataset::input_divisor()
    std::size_t parameter_count = 0;
    std::size_t steps_per_epoch = 0;
    bool promise_kept = true;          ///< false with comm.reduction = mpi
    std::vector<std::string> allowed;  ///< --allow, of all sessions: see RunIdentity
    /// The subcommand's own flags that a run which goes on is to know: name and value, in order.
    std::vector<std::pair<std::string, std::string>> flags;
};

/// Of a new run.
nlohmann::ordered_json run_record(const ResolvedOptions& options, const RunFacts& facts);
/// Of one that goes on after `step` steps: `before` with the options as they are now and one more session,
/// which says what it changed.
nlohmann::ordered_json run_record_going_on(const nlohmann::ordered_json& before,
                                           const ResolvedOptions& options, const RunFacts& facts,
                                           std::size_t step);

/// Throws CheckpointError where `dir` has no run.json or it is damaged.
nlohmann::ordered_json read_run_record(const std::filesystem::path& dir);
/// What it says of the run. Throw CheckpointError where it does not say.
std::string subcommand_of(const nlohmann::ordered_json& record);
std::vector<std::string> allowed_of(const nlohmann::ordered_json& record);
std::optional<ModelOrigin> start_of(const nlohmann::ordered_json& record);
std::vector<std::pair<std::string, std::string>> flags_of(const nlohmann::ordered_json& record);
/// The configuration, with values in place of the record's for the keys of `flags`. Relative paths of the
/// record that name nothing from here are those from where the run was started. Throws ConfigError for a flag
/// as resolve_options.
ResolvedOptions options_of(const nlohmann::ordered_json& record,
                           const std::vector<std::pair<std::string, std::string>>& flags);

/// What a run's bits depend on: two runs with equal ones take the same steps.
struct RunIdentity {
    std::vector<std::pair<std::string, std::string>> facts;  ///< name and value, in an order of their own
    bool operator==(const RunIdentity&) const = default;

    /// The keys of `options` that are not free to change, the data's digests, the program's version and its
    /// arithmetic.
    static RunIdentity of(const ResolvedOptions& options, const RunFacts& facts);
    static RunIdentity from_json(const nlohmann::json& json);
    [[nodiscard]] nlohmann::json to_json() const;
};

/// Throws CheckpointError where the identities differ in a fact that `allowed` does not name, with both
/// values. The names: "data", "program", or a key, as in "optimizer.learning_rate".
void check_unchanged(const RunIdentity& before, const RunIdentity& now, std::span<const std::string> allowed);

}  // namespace lockstep
