// An optimizer's step on a slice of the parameters: checks, shares the values among threads, and calls the
// kernel.
#pragma once

#include <array>
#include <span>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/buffer.h"
#include "core/base/require.h"
#include "core/base/threads.h"

namespace lockstep {

/// The arrays of a step's state in its order, each as long as the parameters. One that the step can do
/// without, or has not, is empty.
using StepState = std::array<std::span<float>, kMostState>;

/// Takes one of the steps of steps.h. Shapes: gradient_sum, w, each of `state` (n). Throws
/// std::invalid_argument where they are not.
template <class Step>
void take_step(const Step& step, std::span<const float> gradient_sum, std::span<float> w,
               const StepState& state) {
    require(gradient_sum.size() == w.size(), "take_step: gradient_sum and w differ in size");
    for (std::size_t k = 0; k < state.size(); ++k) {
        require(state[k].size() == w.size() || (k >= Step::kLeastState && state[k].empty()),
                "take_step: state and w differ in size");
    }
    const auto run = static_cast<const StepKernel<Step>&>(kernels().steps).run;
    share_range(w.size(), kValuesPerThread, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        StepArrays arrays{.count = end - begin,
                          .gradient_sum = gradient_sum.data() + begin,
                          .w = w.data() + begin,
                          .state = {}};
        for (std::size_t k = 0; k < state.size(); ++k) {
            arrays.state[k] = state[k].empty() ? nullptr : state[k].data() + begin;
        }
        run(step, arrays);
    });
}

}  // namespace lockstep
