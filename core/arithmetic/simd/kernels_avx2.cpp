// The kernels compiled for AVX2 and FMA. Nothing here may be run before the CPU was asked, and nothing but
// fill_avx2 may be seen outside: see kernels.h.
#include "core/arithmetic/dispatch/kernels.h"

// The register type first, then what is made of it.
// clang-format off
#include "core/arithmetic/simd/vec_avx2.h"
#include "core/arithmetic/simd/table.h"
// clang-format on

namespace lockstep {

void fill_avx2(Kernels& table) { fill_simd(table); }

}  // namespace lockstep
