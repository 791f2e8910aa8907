// Chains of fused multiply-adds that never leave the registers: what the instruction set reaches at most.
// The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

namespace lockstep {
namespace {

/// More chains than a CPU has FMAs in flight (at most two a cycle, each of four or five cycles), and few
/// enough that AVX2's sixteen registers hold them and both operands.
constexpr int kPeakChains = 12;

inline std::size_t fma_burst_simd(std::size_t rounds, float* sink) {
    Vec chains[kPeakChains];
    // Chains with equal starts would be equal, and a compiler may compute equal ones once.
    for (int i = 0; i < kPeakChains; ++i) chains[i] = broadcast(static_cast<float>(i));
    const Vec half = broadcast(0.5F);
    const Vec one = broadcast(1.0F);
    for (std::size_t r = 0; r < rounds; ++r) {
        for (Vec& chain : chains) chain = fma(chain, half, one);
    }
    Vec sum = zero();
    for (const Vec chain : chains) sum += chain;
    float lanes[kLanes];
    store(lanes, sum);
    *sink = lanes[0];
    return rounds * kPeakChains * kLanes * 2;
}

}  // namespace
}  // namespace lockstep
