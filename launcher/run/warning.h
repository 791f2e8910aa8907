// A warning of a command that keeps no journal.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "comm/communicator.h"

namespace lockstep {

/// Rank 0 prints "warning: text" to stderr, so that stdout holds what was asked for alone; nothing for "".
inline void warn(const Communicator& comm, const std::string& text) {
    if (comm.rank() == 0 && !text.empty()) fmt::print(stderr, "warning: {}\n", text);
}

}  // namespace lockstep
