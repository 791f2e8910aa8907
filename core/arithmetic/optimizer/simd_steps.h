// The steps on registers. The register type and for_registers come from the headers that simd/table.h
// includes before this one.
#pragma once

#include <cstddef>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {
namespace {

/// The register of values from i on; `access` is how its memory is touched, whole or in part.
template <class Access>
class OneRegister {
  public:
    OneRegister(const StepArrays& arrays, std::size_t i, Access access)
        : arrays_(arrays), i_(i), access_(access) {}

    [[nodiscard]] Vec gradient_sum() const { return access_.read(arrays_.gradient_sum + i_); }
    [[nodiscard]] Vec w() const { return access_.read(arrays_.w + i_); }
    void set_w(Vec value) const { access_.write(arrays_.w + i_, value); }
    [[nodiscard]] bool has_state(std::size_t k) const { return arrays_.state[k] != nullptr; }
    [[nodiscard]] Vec state(std::size_t k) const { return access_.read(arrays_.state[k] + i_); }
    void set_state(std::size_t k, Vec value) const { access_.write(arrays_.state[k] + i_, value); }
    [[nodiscard]] Vec all(float value) const { return broadcast(value); }
    [[nodiscard]] Vec fma(Vec a, Vec b, Vec c) const { return lockstep::fma(a, b, c); }
    [[nodiscard]] Vec square_root(Vec value) const { return lockstep::square_root(value); }

  private:
    const StepArrays& arrays_;
    std::size_t i_;
    Access access_;
};

template <class Step>
void run_simd(const Step& given_step, const StepArrays& given_arrays) {
    // Copies, whose fields stay in registers: a store through a pointer might have changed the originals.
    const Step step = given_step;
    const StepArrays arrays = given_arrays;
    for_registers(arrays.count, [&](std::size_t i, auto access) {
        step.apply(OneRegister<decltype(access)>(arrays, i, access));
    });
}

template <class... Steps>
inline void fill_steps(StepKernelsOf<Steps...>& table) {
    ((static_cast<StepKernel<Steps>&>(table).run = run_simd<Steps>), ...);
}

}  // namespace
}  // namespace lockstep
