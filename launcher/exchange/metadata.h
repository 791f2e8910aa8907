// What a model file's record says, as strings by name, for formats that have a place for such.
#pragma once

#include <nlohmann/json.hpp>

#include "launcher/files/model_file.h"

namespace lockstep {

/// {"format": "lockstep", "layers": "dense units=…; dense …", "loss": …, "inputs": …, …}: all of the record
/// but the parameters' shapes and the preprocessing's numbers, which are arrays.
nlohmann::ordered_json metadata_of(const ModelRecord& record);

/// Whether metadata_of has made it.
bool is_of_lockstep(const nlohmann::json& metadata);

/// The inverse; a preprocessing has its options alone. Throws std::runtime_error, or ConfigError, that says
/// what is missing or no value.
ModelRecord record_of(const nlohmann::json& metadata);

}  // namespace lockstep
