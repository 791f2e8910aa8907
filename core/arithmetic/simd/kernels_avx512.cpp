// The kernels compiled for AVX-512 (F, DQ, BW, VL). Nothing here may be run before the CPU was asked, and
// nothing but fill_avx512 may be seen outside: see kernels.h.
#include "core/arithmetic/dispatch/kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd/vec_avx512.h"
#include "core/arithmetic/simd/math.h"
#include "core/arithmetic/simd/elementwise.h"
#include "core/arithmetic/simd/regularisation.h"
#include "core/arithmetic/simd/tile.h"
#include "core/arithmetic/simd/pack.h"
#include "core/arithmetic/simd/gemm.h"
#include "core/arithmetic/simd/dense.h"
#include "core/arithmetic/simd/distance.h"
#include "core/arithmetic/simd/table.h"
// clang-format on

namespace lockstep {

void fill_avx512(Kernels& table) { fill_simd(table); }

}  // namespace lockstep
