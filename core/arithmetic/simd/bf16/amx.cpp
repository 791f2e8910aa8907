// The products in bf16 on AMX's tiles. Nothing here may be run before why_no_amx() said nothing: see
// amx_support.h.
#include "core/arithmetic/dispatch/bf16_kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd/vec_avx512.h"
#include "core/arithmetic/simd/bf16/pack.h"
#include "core/arithmetic/simd/bf16/blocked.h"
#include "core/arithmetic/simd/bf16/gradient.h"
#include "core/arithmetic/simd/bf16/amx_engine.h"
// clang-format on

namespace lockstep {

Bf16Kernels amx_bf16_kernels(Bf16Form form) {
    return form == Bf16Form::kSplit ? kernels_on<AmxEngine<SplitForm>>()
                                    : kernels_on<AmxEngine<RoundedForm>>();
}

}  // namespace lockstep
