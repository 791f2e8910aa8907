// Resolved options as JSON, for run.json and `plan --json`.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "launcher/options/options.h"

namespace lockstep {

/// {"training.leaf": {"value": 32, "origin": "default"}, …}; a repeated key has "values" and "origins".
/// Numbers and switches are JSON's own.
nlohmann::ordered_json to_json(const ResolvedOptions& options);

/// The inverse: a key that is missing has its default. Throws ConfigError where a value is none of its key,
/// or the table has no such key.
ResolvedOptions options_from_json(const std::string& config_name, const nlohmann::ordered_json& json);

}  // namespace lockstep
