// The products in bf16 compiled for AVX2 and FMA. Nothing here may be run before the CPU was asked: see
// kernels.h.
#include "core/arithmetic/dispatch/bf16_kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd/vec_avx2.h"
#include "core/arithmetic/simd/bf16/pack.h"
#include "core/arithmetic/simd/bf16/blocked.h"
#include "core/arithmetic/simd/bf16/gradient.h"
#include "core/arithmetic/simd/bf16/chains.h"
// clang-format on

namespace lockstep {

Bf16Kernels avx2_bf16_kernels(Bf16Form form) {
    return form == Bf16Form::kSplit ? kernels_on<ChainEngine<SplitForm>>()
                                    : kernels_on<ChainEngine<RoundedForm>>();
}

}  // namespace lockstep
