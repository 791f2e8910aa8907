// A warning of a command that keeps no journal.
#pragma once

#include <cstdio>
#include <string>

#include "comm/communicator.h"
#include "launcher/run/printing.h"

namespace lockstep {

/// Rank 0 prints "warning: text" to stderr, so that stdout holds what was asked for alone; nothing for "".
inline void warn(const Communicator& comm, const std::string& text) {
    if (comm.rank() == 0 && !text.empty()) print_warning(text);
}

}  // namespace lockstep
