// Whether this process may use AMX's tiles, and if not, why.
#pragma once

#include <string>

namespace lockstep {

/// Empty where the CPU has AMX-TILE and AMX-BF16 and the kernel lets this process use them, which the first
/// call asks it for; else what is missing.
const std::string& why_no_amx();

}  // namespace lockstep
