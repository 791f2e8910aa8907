// The products in bf16 on AMX's tiles. Nothing here may be run before why_no_amx() said nothing: see
// amx_support.h.
#include "core/arithmetic/dispatch/bf16_kernels.h"

// The register type first, then what is made of it.
// clang-format off
#include "core/arithmetic/simd/vec_avx512.h"
#include "core/arithmetic/simd/bf16/table.h"
#include "core/arithmetic/simd/bf16/amx_engine.h"
// clang-format on

namespace lockstep {

Bf16Kernels amx_bf16_kernels(Bf16Form form) { return kernels_for<AmxEngine>(form); }

}  // namespace lockstep
