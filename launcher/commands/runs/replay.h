// What `lockstep replay` is told by flags of its own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

struct ReplayInput {
    std::size_t step = 0;             ///< from 1
    std::optional<std::size_t> leaf;  ///< from 0; none: no leaf by itself
};

/// Throws ConfigError that names the flag. Flags that it does not know are left alone.
void set_replay_flag(ReplayInput& replay, std::string_view name, const std::string& value);

}  // namespace lockstep
