// The products in bf16 compiled for AVX2 and FMA. Nothing here may be run before the CPU was asked: see
// kernels.h.
#include "core/arithmetic/dispatch/bf16_kernels.h"

// The register type first, then what is made of it.
// clang-format off
#include "core/arithmetic/simd/vec_avx2.h"
#include "core/arithmetic/simd/bf16/table.h"
#include "core/arithmetic/simd/bf16/chains.h"
// clang-format on

namespace lockstep {

Bf16Kernels avx2_bf16_kernels(Bf16Form form) { return kernels_for<ChainEngine>(form); }

}  // namespace lockstep
