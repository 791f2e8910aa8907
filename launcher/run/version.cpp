#include "launcher/run/version.h"

#include <fmt/format.h>

namespace lockstep {

// The build defines both for this file alone.
constexpr std::string_view kVersion = LOCKSTEP_VERSION;
constexpr std::string_view kBuildType = LOCKSTEP_BUILD_TYPE;

std::string compiler() {
#ifdef __clang__
    return fmt::format("clang++ {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    return fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

}  // namespace lockstep
