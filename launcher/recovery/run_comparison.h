// What run.json says of a run, and in what two runs differ by it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace lockstep {

/// One thing in which two runs differ.
struct RunDifference {
    std::string of;  ///< "configuration", "data", "program", "machine"
    std::string what;
    std::string a;  ///< "" where it is missing
    std::string b;
};

/// Everything that run.json tells of: keys with other values (but run.dir and run.overwrite, wherever a value
/// is from), digests of the data, the program, and where it ran.
std::vector<RunDifference> run_differences(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b);

}  // namespace lockstep
