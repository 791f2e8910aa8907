// What stands at the end of all that a run prints.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace lockstep {

/// Of a finished run, by what result.json has of it; a key that an older run lacks is left out.
std::vector<std::string> summary_of(const nlohmann::json& result);

}  // namespace lockstep
