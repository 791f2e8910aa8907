// `lockstep resume`: goes on with a run where its newest good checkpoint stands.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "comm/agreement.h"
#include "core/base/error.h"
#include "core/base/spelling.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/own_flags.h"
#include "launcher/commands/training/run_summary.h"
#include "launcher/options/options_table.h"
#include "launcher/recovery/checkpoint_folder.h"
#include "launcher/recovery/checkpoint_reader.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/printing.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

/// Throws ConfigError for what would be passed over without a word.
void check_flags(const CommandInput& input) {
    for (const auto& [key, value] : input.config_flags) {
        if (key == "run.dir" || key == "run.overwrite") {
            throw ConfigError(fmt::format(
                "--{} {}: a run goes on in its own directory; leave the flag out, or copy the directory "
                "and go on with the copy",
                key, value));
        }
    }
    std::vector<std::string_view> names{"data", "program"};
    for (const OptionSpec& spec : option_table()) names.push_back(spec.key);
    for (const std::string& name : input.allowed) {
        if (std::ranges::find(names, name) != names.end()) continue;
        throw ConfigError(
            fmt::format("--allow {}: must be data, program or a key{}", name, did_you_mean(name, names)));
    }
}

/// A key's values.
std::string texts_of(const ResolvedOptions& options, std::string_view key) {
    std::vector<std::string> texts;
    for (const OptionValue& value : options.at(key).values) texts.push_back(value.text);
    return fmt::format("{}", fmt::join(texts, ", "));
}

/// Throws CheckpointError where a run of several networks, of which some may be finished, would go on with
/// another value of a key that changes bits.
void check_same_networks(const ResolvedOptions& before, const ResolvedOptions& now,
                         const std::vector<std::string>& allowed) {
    for (const OptionSpec& spec : option_table()) {
        const bool is_allowed = std::ranges::find(allowed, spec.key) != allowed.end();
        if (spec.free || is_allowed || texts_of(before, spec.key) == texts_of(now, spec.key)) continue;
        throw CheckpointError(fmt::format(
            "{} was {} and is {} now: the networks would not belong together; go on with what it was, or say "
            "--allow {}",
            spec.key, texts_of(before, spec.key), texts_of(now, spec.key), spec.key));
    }
}

/// Whoever resumes a run until it is done need not know whether it was killed before or after its end: ranks,
/// threads and their like are as good as any then.
void check_nothing_is_changed(const std::filesystem::path& dir, const CommandInput& input) {
    for (const auto& [key, value] : input.config_flags) {
        if (find_option(key)->free) continue;
        throw ConfigError(fmt::format(
            "{} is finished, and --{} would change nothing; to train for longer, say how long, as in "
            "--training.epochs 20 --allow training.epochs",
            dir.string(), key));
    }
}

/// The result of the run in `dir` where it is finished, else "".
std::string finished_result(const std::filesystem::path& dir) {
    const std::optional<std::string> result = result_of_finished_run(dir);
    if (!result || !result->empty()) return result.value_or("");
    // Of an older lockstep, or the file was taken away: the model is what counts.
    return nlohmann::json{{"run_dir", dir.string()}, {"model", (dir / kModelFile).string()}}.dump();
}

}  // namespace

ResolvedOptions options_of_run(const Communicator& comm, CommandInput& input) {
    const std::filesystem::path& dir = input.positional.front();
    const std::string text = text_of_rank_0(comm, [&] { return read_run_record(files_of_run(dir)).dump(); });
    const auto record = nlohmann::ordered_json::parse(text);
    return agree(comm, [&] {
        check_flags(input);
        input.subcommand = subcommand_of(record);
        for (const auto& [name, value] : flags_of(record)) set_own_flag(input.subcommand, input, name, value);
        const auto start = start_of(record);
        if (!start && !input.models.empty())
            throw ConfigError(fmt::format("--model: {} did not start from a model", dir.string()));
        if (start) {
            if (input.models.empty()) {
                if (comm.rank() == 0 && !is_there(start->model)) {
                    throw CheckpointError(
                        fmt::format("{} started from the model {}, which is not there; say where it is now "
                                    "by --model FILE",
                                    dir.string(), start->model.string()));
                }
                input.models = {start->model};
            }
            input.model_layers = fmt::format("{}", fmt::join(start->layers, ","));
            input.start_digest = start->digest;
        }
        for (std::string& name : allowed_of(record)) {
            // What is given now is to be allowed now.
            if (std::ranges::find(input.config_flags, name, &std::pair<std::string, std::string>::first) ==
                input.config_flags.end())
                input.allowed_before.push_back(std::move(name));
        }
        ResolvedOptions options = options_of(record, input.config_flags);
        if (input.subcommand != "train") check_same_networks(options_of(record, {}), options, input.allowed);
        return options;
    });
}

int command_resume(Communicator& comm, const CommandInput& input) {
    const std::filesystem::path& dir = input.positional.front();
    CommandInput going_on = input;
    going_on.going_on = dir;
    if (input.subcommand == "crossval") return command_crossval(comm, going_on);
    if (input.subcommand == "bag") return command_bag(comm, going_on);
    if (input.subcommand == "sweep") return command_sweep(comm, going_on);
    const std::string result = text_of_rank_0(comm, [&] { return finished_result(dir); });
    // A finished run goes on where it is told to train for longer.
    if (!result.empty() && input.allowed.empty()) {
        agree(comm, [&] { check_nothing_is_changed(dir, input); });
        if (comm.rank() == 0 && input.json) print_json(nlohmann::json::parse(result));
        if (comm.rank() == 0 && !input.json) {
            print_out("{} is finished: {}\n", dir.string(), kModelFile);
            for (const std::string& text : summary_of(nlohmann::json::parse(result))) print_out("{}\n", text);
        }
        return static_cast<int>(ExitCode::kDone);
    }
    // What the first parameters were read from is not needed where a checkpoint is good, and may be gone.
    if (!input.config.weights.empty() && CheckpointReader(comm, files_of_run(dir)).checkpoint())
        going_on.config.weights.clear();
    return command_train(comm, going_on);
}

}  // namespace lockstep
