#include "launcher/recovery/run_record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>

#include "comm/mpi_runtime.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/arithmetic/dispatch/policy_digest.h"
#include "core/base/error.h"
#include "launcher/files/parse_json.h"
#include "launcher/options/options_json.h"
#include "launcher/options/options_table.h"
#include "launcher/run/run_directory.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

/// That of a million hosts.
constexpr std::uintmax_t kMostRecord_bytes = std::uintmax_t{1} << 26;

std::string now_text() {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm fields{};
    localtime_r(&seconds, &fields);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &fields)};
}

/// Who computed, and when.
void add_session(Json& json, const RunFacts& facts) {
    json["started"] = now_text();
    json["ranks"] = facts.ranks;
    json["threads"] = facts.threads;
    json["hosts"] = facts.hosts;
    json["instruction_set"] = name(instruction_set());
    json["cpu_model"] = cpu_model();
}

Json value_of(const Json& option) {
    return option.contains("values") ? option.at("values") : option.at("value");
}

[[noreturn]] void throw_damaged(const std::string& what) {
    throw CheckpointError(
        fmt::format("{} is damaged: {}; put the file back, or train again", kRunFile, what));
}

/// What the record has under `name`, or `otherwise` where it has nothing.
template <class T>
T value_or(const Json& record, const char* name, const T& otherwise) {
    try {
        return record.value(name, otherwise);
    } catch (const Json::exception& error) {
        throw_damaged(error.what());
    }
}

/// A relative path as the run was given it: from here, or, where nothing is there, from the directory in
/// which the run was started.
std::string path_of_run(const Json& record, const std::string& path) {
    const std::string directory = value_or(record, "directory", std::string());
    if (directory.empty() || path.empty() || path.front() == '/' || is_there(path)) return path;
    const std::filesystem::path there = std::filesystem::path(directory) / path;
    return is_there(there) ? there.string() : path;
}

/// Whether what there is of the fields that any run has is of their kind.
bool is_record(const Json& json) {
    if (!json.is_object() || !json.contains("options") || !json["options"].is_object()) return false;
    if (const auto subcommand = json.find("subcommand"); subcommand != json.end()) {
        constexpr std::array kSubcommands{"train", "crossval", "bag", "sweep"};
        if (std::ranges::find(kSubcommands, *subcommand) == kSubcommands.end()) return false;
    }
    if (const auto allowed = json.find("allowed"); allowed != json.end()) {
        if (!allowed->is_array() || !std::ranges::all_of(*allowed, &Json::is_string)) return false;
    }
    const auto sessions = json.find("sessions");
    return sessions == json.end() || sessions->is_array();
}

/// Whether a key may change though it is not free: how often is evaluated decides nothing where nobody
/// watches.
bool decides_nothing(const OptionSpec& spec, const ResolvedOptions& options) {
    if (spec.key != "run.evaluate_every") return spec.free;
    return options.text("training.patience") == "0" && options.text("training.keep") == "last";
}

}  // namespace

Json run_record(const ResolvedOptions& options, const RunFacts& facts) {
    Json json{{"lockstep", kVersion},
              {"subcommand", facts.subcommand},
              {"build_type", kBuildType},
              {"compiler", compiler()},
              {"mpi_library", MpiRuntime::library_version()}};
    add_session(json, facts);
    if (!facts.train_data.empty()) {
        json["train_data"] = {{"description", facts.train_data}, {"digest", facts.train_digest}};
        json["test_data"] = {{"description", facts.test_data}, {"digest", facts.test_digest}};
        json["parameters"] = facts.parameter_count;
        json["steps_per_epoch"] = facts.steps_per_epoch;
        json["promise_kept"] = facts.promise_kept;
        json["inputs"] = {{"count", facts.inputs}};
        if (facts.input_divisor) json["inputs"]["divided_by"] = *facts.input_divisor;
    }
    if (facts.started_from) {
        json["started_from"] = {{"model", facts.started_from->model.string()},
                                {"digest", facts.started_from->digest},
                                {"layers", facts.started_from->layers}};
    }
    if (!facts.flags.empty()) json["flags"] = facts.flags;
    std::error_code unknown;
    if (const auto here = std::filesystem::current_path(unknown); !unknown) json["directory"] = here.string();
    json["configuration"] = options.config_name();
    json["options"] = to_json(options);
    if (!facts.member.empty()) {
        json["member"] = facts.member;
        json["seed"] = facts.seed;
    }
    if (!facts.validation_data.empty()) {
        json["validation_data"] = {{"description", facts.validation_data},
                                   {"digest", facts.validation_digest}};
    }
    return json;
}

Json run_record_going_on(const Json& before, const ResolvedOptions& options, const RunFacts& facts,
                         std::size_t step) {
    Json json = before;
    Json session{{"from_step", step}};
    add_session(session, facts);
    Json changed = Json::object();
    const Json now = to_json(options);
    for (const auto& [key, option] : now.items()) {
        const Json& old = before.at("options");
        if (!old.contains(key) || value_of(old.at(key)) != value_of(option)) changed[key] = value_of(option);
    }
    if (!changed.empty()) session["changed"] = changed;
    json["options"] = now;
    if (!facts.allowed.empty()) json["allowed"] = facts.allowed;
    json["sessions"].push_back(session);
    return json;
}

Json read_run_record(const std::filesystem::path& run_dir) {
    const std::filesystem::path path = run_dir / kRunFile;
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error) {
        throw CheckpointError(
            fmt::format("cannot read {}: {}; give the directory of a run", path.string(), error.message()));
    }
    Json json;
    if (size <= kMostRecord_bytes) {
        std::ifstream file(path);
        if (!file) {
            throw CheckpointError(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
        }
        try {
            json = parse_json<Json>(std::string{std::istreambuf_iterator<char>(file), {}});
        } catch (const std::runtime_error& what) {
            throw_damaged(what.what());
        }
    }
    if (is_record(json)) return json;
    throw CheckpointError(fmt::format("{} is no record of a run; it is damaged", path.string()));
}

std::string subcommand_of(const Json& record) {
    // Runs of an older lockstep do not say: they are of train, or cannot go on.
    return value_or(record, "subcommand", std::string("train"));
}

std::vector<std::string> allowed_of(const Json& record) {
    return value_or(record, "allowed", std::vector<std::string>());
}

std::optional<ModelOrigin> start_of(const Json& record) {
    if (!record.contains("started_from")) return std::nullopt;
    try {
        const Json& start = record.at("started_from");
        return ModelOrigin{path_of_run(record, start.at("model").get<std::string>()),
                           start.at("digest").get<std::string>(),
                           start.at("layers").get<std::vector<std::string>>()};
    } catch (const Json::exception& error) {
        throw_damaged(error.what());
    }
}

std::vector<std::pair<std::string, std::string>> flags_of(const Json& record) {
    return value_or(record, "flags", std::vector<std::pair<std::string, std::string>>());
}

ResolvedOptions options_of(const Json& record,
                           const std::vector<std::pair<std::string, std::string>>& flags) {
    Json options;
    std::string name;
    try {
        options = record.at("options");
        name = record.at("configuration").get<std::string>();
    } catch (const Json::exception& error) {
        throw_damaged(error.what());
    }
    try {
        for (const OptionSpec& spec : option_table()) {
            const std::string key(spec.key);
            if (!spec.path || !options.contains(key) || !options[key].contains("value")) continue;
            Json& value = options[key]["value"];
            if (value.is_string()) value = path_of_run(record, value.get<std::string>());
        }
        return with_flags(options_from_json(name, options), flags);
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("{}: {}", kRunFile, error.what()));
    }
}

RunIdentity RunIdentity::of(const ResolvedOptions& options, const RunFacts& facts) {
    RunIdentity identity;
    identity.facts.emplace_back("program", fmt::format("lockstep {}", kVersion));
    identity.facts.emplace_back("program: arithmetic", arithmetic_policy_digest().hex());
    identity.facts.emplace_back("data: training set", facts.train_digest);
    identity.facts.emplace_back("data: validation set", facts.validation_digest);
    identity.facts.emplace_back("data: test set", facts.test_digest);
    identity.facts.emplace_back("member", facts.member);
    const Json json = lockstep::to_json(options);
    for (const OptionSpec& spec : option_table()) {
        const std::string key(spec.key);
        if (!decides_nothing(spec, options)) identity.facts.emplace_back(key, value_of(json.at(key)).dump());
    }
    return identity;
}

RunIdentity RunIdentity::from_json(const nlohmann::json& json) {
    RunIdentity identity;
    try {
        for (const auto& fact : json)
            identity.facts.emplace_back(fact.at(0).get<std::string>(), fact.at(1).get<std::string>());
    } catch (const nlohmann::json::exception& error) {
        throw CheckpointError(fmt::format("damaged checkpoint: what the run is: {}", error.what()));
    }
    return identity;
}

nlohmann::json RunIdentity::to_json() const {
    nlohmann::json json = nlohmann::json::array();
    for (const auto& [name, value] : facts) json.push_back({name, value});
    return json;
}

void check_unchanged(const RunIdentity& before, const RunIdentity& now,
                     std::span<const std::string> allowed) {
    const std::map<std::string, std::string> then(before.facts.begin(), before.facts.end());
    std::map<std::string, std::string> rest = then;
    const auto differs = [&](const std::string& name, const std::string& was, const std::string& is) {
        const std::string by = name.substr(0, name.find(':'));
        if (std::ranges::find(allowed, by) != allowed.end()) return;
        throw CheckpointError(
            fmt::format("{} was {} where the run stood, and is {} now, so that it would not end in the same "
                        "bits; go on with what it was, or say --allow {}",
                        name, was.empty() ? "not there" : was, is.empty() ? "not there" : is, by));
    };
    for (const auto& [name, value] : now.facts) {
        const auto found = then.find(name);
        rest.erase(name);
        const std::string was = found == then.end() ? "" : found->second;
        if (was != value) differs(name, was, value);
    }
    for (const auto& [name, value] : rest) differs(name, value, "");
}

}  // namespace lockstep
