#include "launcher/report/run_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "launcher/recovery/run_record.h"
#include "launcher/run/run_directory.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool is_run(const fs::path& dir) { return is_there(files_of_run(dir) / kRunFile); }

/// The folder's own name, also of "runs/mnist/" and ".".
std::string folder_name(const fs::path& dir) {
    std::error_code ignored;
    const fs::path whole = fs::weakly_canonical(dir, ignored);
    return (whole.empty() ? dir : whole).filename().string();
}

/// "fold-9" before "fold-10".
bool comes_before(const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string();
    const std::string y = b.filename().string();
    const auto number_at = [](const std::string& text) {
        const std::size_t last = text.find_last_not_of("0123456789");
        return last == std::string::npos ? 0 : last + 1;
    };
    const std::string x_word = x.substr(0, number_at(x));
    const std::string y_word = y.substr(0, number_at(y));
    if (x_word != y_word || x.size() == y.size()) return x < y;
    return x.size() < y.size();
}

/// The runs that are folders of `dir`, in the order of their names.
std::vector<fs::path> runs_within(const fs::path& dir) {
    std::vector<fs::path> runs;
    std::error_code error;
    for (fs::directory_iterator entry(dir, error), end; !error && entry != end; entry.increment(error)) {
        if (is_run(entry->path())) runs.push_back(entry->path());
    }
    std::ranges::sort(runs, comes_before);
    return runs;
}

RunView open_run(const fs::path& dir) {
    RunView run{.dir = dir, .files = files_of_run(dir), .name = folder_name(dir), .record = {}};
    check_files_of_run(run.files);
    run.record = read_run_record(run.files);
    return run;
}

/// The run in `dir`, or those of its networks.
void add_runs(const fs::path& dir, std::vector<RunView>& runs) {
    std::vector<fs::path> within;
    std::string of;
    if (!is_run(dir)) {
        within = runs_within(dir);
    } else if (RunView run = open_run(dir); subcommand_of(run.record) == "train") {
        runs.push_back(std::move(run));
        return;
    } else {
        // All there is to see of several networks is in their own directories.
        within = runs_within(dir);
        if (within.empty()) runs.push_back(std::move(run));
    }
    // As read_run_record says of a directory that holds nothing.
    if (within.empty() && !is_run(dir)) open_run(dir);
    for (const fs::path& member : within) {
        runs.push_back(open_run(member));
        runs.back().name = folder_name(dir) + "/" + runs.back().name;
    }
}

/// A run that is named twice, or by itself and by its folder, is shown once; names that are equal become
/// paths.
void tell_apart(std::vector<RunView>& runs) {
    std::set<std::string> seen;
    std::erase_if(runs, [&](const RunView& run) {
        std::error_code ignored;
        return !seen.insert(fs::weakly_canonical(run.dir, ignored).string()).second;
    });
    std::multiset<std::string> names;
    for (const RunView& run : runs) names.insert(run.name);
    for (RunView& run : runs) {
        if (names.count(run.name) > 1) run.name = run.dir.string();
    }
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// What a record says, by the words that a reader sees; what it has not is left out.
Json facts_of(const Json& record) {
    constexpr std::array<std::pair<const char*, const char*>, 16> kFacts{{
        {"lockstep", "/lockstep"},
        {"Build", "/build_type"},
        {"Compiler", "/compiler"},
        {"MPI library", "/mpi_library"},
        {"Started", "/started"},
        {"Started in", "/directory"},
        {"Ranks", "/ranks"},
        {"Threads of a rank", "/threads"},
        {"CPU", "/cpu_model"},
        {"Instruction set", "/instruction_set"},
        {"Training set", "/train_data/description"},
        {"Validation set", "/validation_data/description"},
        {"Test set", "/test_data/description"},
        {"Parameters", "/parameters"},
        {"Steps of an epoch", "/steps_per_epoch"},
        {"Started from", "/started_from/model"},
    }};
    Json facts = Json::object();
    for (const auto& [label, pointer] : kFacts) {
        const Json::json_pointer place(pointer);
        if (record.contains(place) && !record[place].is_null()) facts[label] = text_of(record[place]);
    }
    if (const auto hosts = record.find("hosts"); hosts != record.end() && hosts->is_array()) {
        Json ranks_of = Json::object();
        for (const Json& host : *hosts) {
            Json& count = ranks_of[text_of(host)];
            count = count.is_null() ? 1 : count.get<int>() + 1;
        }
        std::vector<std::string> texts;
        for (const auto& [host, count] : ranks_of.items())
            texts.push_back(count == 1 ? host : fmt::format("{} ({} ranks)", host, count.get<int>()));
        facts["Hosts"] = fmt::format("{}", fmt::join(texts, ", "));
    }
    const Json::json_pointer divisor("/inputs/divided_by");
    if (record.contains(divisor)) facts["Inputs divided by"] = text_of(record[divisor]);
    if (!record.value("promise_kept", true)) facts["Equal bits on any number of ranks"] = "not promised";
    return facts;
}

Json options_json(const Json& record) {
    Json options = Json::array();
    for (const auto& [key, option] : record.at("options").items()) {
        if (!option.is_object()) continue;
        Json values = option.value("values", Json::array({option.value("value", Json(""))}));
        Json origins = option.value("origins", Json::array({option.value("origin", Json(""))}));
        if (!values.is_array() || !origins.is_array()) continue;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const std::string origin = i < origins.size() ? text_of(origins[i]) : "";
            options.push_back({{"key", key},
                               {"value", text_of(values[i])},
                               {"origin", origin},
                               {"given", origin != "default"}});
        }
    }
    return options;
}

}  // namespace

std::vector<RunView> find_runs(const std::vector<fs::path>& dirs) {
    std::vector<RunView> runs;
    for (const fs::path& dir : dirs) add_runs(dir, runs);
    tell_apart(runs);
    return runs;
}

Json run_json(const RunView& run) try {
    Json json{{"name", run.name}, {"dir", run.dir.string()}, {"subcommand", subcommand_of(run.record)}};
    for (const char* field :
         {"member", "configuration", "parameters", "ranks", "threads", "steps_per_epoch"}) {
        if (run.record.contains(field)) json[field] = run.record[field];
    }
    json["facts"] = facts_of(run.record);
    json["options"] = options_json(run.record);
    json["sessions"] = run.record.value("sessions", Json::array());
    return json;
} catch (const Json::exception& error) {
    throw CheckpointError(fmt::format("{} is damaged: {}", (run.files / kRunFile).string(), error.what()));
}

}  // namespace lockstep
