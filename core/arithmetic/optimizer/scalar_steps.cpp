// The steps on one value at a time: oracle of the tests and fallback of every CPU.
#include <cmath>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {

namespace {

/// Value i of the arrays.
class OneValue {
  public:
    OneValue(const StepArrays& arrays, std::size_t i) : arrays_(arrays), i_(i) {}

    [[nodiscard]] float gradient_sum() const { return arrays_.gradient_sum[i_]; }
    [[nodiscard]] float w() const { return arrays_.w[i_]; }
    void set_w(float value) const { arrays_.w[i_] = value; }
    [[nodiscard]] bool has_state(std::size_t k) const { return arrays_.state[k] != nullptr; }
    [[nodiscard]] float state(std::size_t k) const { return arrays_.state[k][i_]; }
    void set_state(std::size_t k, float value) const { arrays_.state[k][i_] = value; }
    [[nodiscard]] static float all(float value) { return value; }
    [[nodiscard]] static float fma(float a, float b, float c) { return std::fma(a, b, c); }
    [[nodiscard]] static float square_root(float value) { return std::sqrt(value); }

  private:
    const StepArrays& arrays_;
    std::size_t i_;
};

template <class Step>
void run_scalar(const Step& step, const StepArrays& arrays) {
    for (std::size_t i = 0; i < arrays.count; ++i) step.apply(OneValue(arrays, i));
}

template <class... Steps>
void fill(StepKernelsOf<Steps...>& table) {
    ((static_cast<StepKernel<Steps>&>(table).run = run_scalar<Steps>), ...);
}

}  // namespace

void fill_scalar_steps(Kernels& table) { fill(table.steps); }

}  // namespace lockstep
