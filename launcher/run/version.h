// What this build of lockstep is.
#pragma once

#include <string>
#include <string_view>

namespace lockstep {

/// "0.1.0": the project's version.
extern const std::string_view kVersion;
/// "Release", "Debug", …
extern const std::string_view kBuildType;

/// The compiler's name and version: "g++ 12.2.0".
std::string compiler();

}  // namespace lockstep
