// The table of the products in bf16, for an engine. The register type comes from the vec_*.h included before.
#pragma once

#include "core/arithmetic/dispatch/bf16_kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd/bf16/pack.h"
#include "core/arithmetic/simd/bf16/blocked.h"
#include "core/arithmetic/simd/bf16/gradient.h"
// clang-format on

namespace lockstep {
namespace {

template <class Engine>
Bf16Kernels kernels_on() {
    return {pack_weights<typename Engine::Form>, blocked_product<Engine>, blocked_gradient<Engine>,
            find_magnitudes};
}

template <template <class Form> class Engine>
Bf16Kernels kernels_for(Bf16Form form) {
    return form == Bf16Form::kSplit ? kernels_on<Engine<SplitForm>>() : kernels_on<Engine<RoundedForm>>();
}

}  // namespace
}  // namespace lockstep
