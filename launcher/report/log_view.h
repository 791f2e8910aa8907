// A run's log as the columns that curves are drawn from.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace lockstep {

/// {"state", "epochs": {name: [values]}, "steps": likewise, "phases": likewise, "end", "last",
/// "checkpoints"}: thinned to what a curve can show. States: "begun" (an empty log), "unfinished", "stopped",
/// "finished"; an unfinished one has "silent_seconds" since its last line. Half a line of a killed run is
/// passed over.
nlohmann::ordered_json log_json(const std::filesystem::path& metrics_file);

}  // namespace lockstep
