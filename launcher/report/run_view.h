// Runs found and described for a report: their names and records.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lockstep {

struct RunView {
    std::filesystem::path dir;
    std::filesystem::path files;  ///< files_of_run(dir)
    std::string name;             ///< as short as tells them apart
    nlohmann::ordered_json record;
};

/// The runs in `dirs`: a run itself; for crossval's and bag's directory their networks that have begun; for a
/// folder that holds no run, those in it. Each once. Throws CheckpointError where there is none.
std::vector<RunView> find_runs(const std::vector<std::filesystem::path>& dirs);

/// {"name", "dir", "subcommand", "member", "facts": {label: text}, "options": [{"key", "value", "origin",
/// "given"}], "sessions": […]}, and so on. Throws CheckpointError where the record is damaged.
nlohmann::ordered_json run_json(const RunView& run);

}  // namespace lockstep
