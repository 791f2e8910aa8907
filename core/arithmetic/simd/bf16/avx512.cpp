// The products in bf16 compiled for AVX-512 (F, DQ, BW, VL). Nothing here may be run before the CPU was
// asked: see kernels.h. VDPBF16PS is of no use here: it rounds and flushes in other places.
#include "core/arithmetic/dispatch/bf16_kernels.h"

// The register type first, then what is made of it.
// clang-format off
#include "core/arithmetic/simd/vec_avx512.h"
#include "core/arithmetic/simd/bf16/table.h"
#include "core/arithmetic/simd/bf16/chains.h"
// clang-format on

namespace lockstep {

Bf16Kernels avx512_bf16_kernels(Bf16Form form) { return kernels_for<ChainEngine>(form); }

}  // namespace lockstep
