// What a function requires of its caller.
#pragma once

#include <stdexcept>

namespace lockstep {

/// Throws std::invalid_argument: `what` names the function and what was wrong with its arguments.
inline void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

}  // namespace lockstep
