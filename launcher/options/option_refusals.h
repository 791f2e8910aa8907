// Refusals that several sections of the configuration share.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "core/base/error.h"
#include "launcher/options/options.h"

namespace lockstep {

/// Throws ConfigError where `key` was given though it has no effect, because `missing` is.
inline void refuse_without(const ResolvedOptions& options, std::string_view key, bool effect,
                           std::string_view missing) {
    if (effect || !options.given(key)) return;
    throw ConfigError(fmt::format("{}: has no effect without {}; set that, or remove the key",
                                  options.place(key), missing));
}

}  // namespace lockstep
