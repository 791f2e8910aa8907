// The AMX engine on a model of AMX's tiles, for CPUs without them.
#pragma once

#include "core/arithmetic/bf16_kernels.h"

namespace lockstep::test {

/// The kernels of bf16_amx.cpp with every instruction on tiles done by plain code. Requires AVX-512.
Bf16Kernels software_tile_kernels();

}  // namespace lockstep::test
