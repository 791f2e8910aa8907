// The kernels compiled for AVX2 and FMA. Nothing here may be run before the CPU was asked, and nothing but
// fill_avx2 may be seen outside: see kernels.h.
#include "core/arithmetic/kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd_vec_avx2.h"
#include "core/arithmetic/simd_math.h"
#include "core/arithmetic/simd_elementwise.h"
#include "core/arithmetic/simd_regularisation.h"
#include "core/arithmetic/simd_tile.h"
#include "core/arithmetic/simd_pack.h"
#include "core/arithmetic/simd_gemm.h"
#include "core/arithmetic/simd_dense.h"
#include "core/arithmetic/simd_distance.h"
#include "core/arithmetic/simd_table.h"
// clang-format on

namespace lockstep {

void fill_avx2(Kernels& table) { fill_simd(table); }

}  // namespace lockstep
