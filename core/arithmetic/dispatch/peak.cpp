// The burst of FMAs on every thread, and its scalar kernel.
#include "core/arithmetic/dispatch/peak.h"

#include <array>
#include <atomic>
#include <cmath>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

std::size_t fma_burst_scalar(std::size_t rounds, float* sink) {
    std::array<float, 12> chains{};
    for (std::size_t i = 0; i < chains.size(); ++i) chains[i] = static_cast<float>(i);
    for (std::size_t r = 0; r < rounds; ++r) {
        for (float& chain : chains) chain = std::fma(chain, 0.5F, 1.0F);
    }
    float sum = 0.0F;
    for (const float chain : chains) sum += chain;
    *sink = sum;
    return rounds * chains.size() * 2;
}

}  // namespace

void fill_scalar_peak(Kernels& table) { table.fma_burst = fma_burst_scalar; }

std::size_t fma_burst(std::size_t rounds) {
    const Kernels& k = kernels();
    std::atomic<std::size_t> operations{0};
    run_parts(thread_count(), [&](int) {
        // Written to memory that others could see, so that no compiler leaves the chains out.
        volatile float seen = 0.0F;
        float sum = 0.0F;
        operations += k.fma_burst(rounds, &sum);
        seen = sum;
        (void)seen;
    });
    return operations;
}

}  // namespace lockstep
