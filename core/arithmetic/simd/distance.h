// The kernels of distance.h on registers. Uses what simd/elementwise.h defines.
#pragma once

#include <cstddef>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {
namespace {

/// Distances of kRows samples to the neurons of one register: a column of w is loaded once for all of them.
template <std::size_t kRows, class Access>
inline void distance_register(const DistanceTask& t, std::size_t first, std::size_t col, Access access) {
    Vec sums[kRows];
    for (Vec& sum : sums) sum = zero();
    const float* x = t.x.data + first * t.x.stride;
    for (std::size_t i = 0; i < t.inputs; ++i) {
        const Vec w = access.read(t.w.data + i * t.w.stride + col);
        for (std::size_t r = 0; r < kRows; ++r) {
            const Vec d = broadcast(x[r * t.x.stride + i]) - w;
            sums[r] = fma(d, d, sums[r]);
        }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
        access.write(t.y.data + (first + r) * t.y.stride + col, square_root(sums[r]));
    }
}

void distance_simd(const DistanceTask& t) {
    constexpr std::size_t kRows = 6;  // enough chains at once to hide the latency of each
    for_registers(t.outputs, [&](std::size_t col, auto access) {
        std::size_t s = 0;
        for (; s + kRows <= t.samples; s += kRows) distance_register<kRows>(t, s, col, access);
        for (; s < t.samples; ++s) distance_register<1>(t, s, col, access);
    });
}

/// The sums of one input and the neurons of one register; the stack of finished subtrees works as in
/// bias_gradient_register.
template <class Access>
inline void distance_gradient_register(const DistanceGradientTask& t, std::size_t i, std::size_t col,
                                       Access access) {
    float stack[48 * kLanes];
    float* top = stack;
    const Vec w = access.read(t.w.data + i * t.w.stride + col);
    Vec sum = zero();
    std::size_t s = 0;
    for (std::size_t finished = 0;; ++finished) {
        const std::size_t end = t.samples - s < t.leaf ? t.samples : s + t.leaf;
        sum = zero();
        for (; s < end; ++s) {
            const Vec delta = access.read(t.delta.data + s * t.delta.stride + col);
            sum = fma(delta, w - broadcast(t.x.data[s * t.x.stride + i]), sum);
        }
        for (std::size_t ones = finished; (ones & 1) != 0; ones >>= 1) {
            top -= kLanes;
            sum = load(top) + sum;
        }
        if (s == t.samples) break;
        store(top, sum);
        top += kLanes;
    }
    while (top != stack) {
        top -= kLanes;
        sum = load(top) + sum;
    }
    access.write(t.dw.data + i * t.dw.stride + col, sum);
}

void distance_gradient_simd(const DistanceGradientTask& t) {
    for (std::size_t i = 0; i < t.inputs; ++i) {
        for_registers(t.outputs,
                      [&](std::size_t col, auto access) { distance_gradient_register(t, i, col, access); });
    }
}

/// A register holds inputs here, so w is turned block by block; the chains wait in `below` meanwhile.
void distance_input_delta_simd(const DistanceInputDeltaTask& t) {
    for (std::size_t i = 0; i < t.inputs; i += kLanes) {
        const std::size_t height = t.inputs - i < kLanes ? t.inputs - i : kLanes;
        const Mask inputs = first_lanes(height);
        for (std::size_t s = 0; s < t.samples; ++s)
            store(t.below.data + s * t.below.stride + i, zero(), inputs);
        for (std::size_t o = 0; o < t.outputs; o += kLanes) {
            const std::size_t width = t.outputs - o < kLanes ? t.outputs - o : kLanes;
            const Mask outputs = first_lanes(width);
            Vec w[kLanes];
            for (std::size_t r = 0; r < kLanes; ++r) {
                w[r] = r < height ? load(t.w.data + (i + r) * t.w.stride + o, outputs) : zero();
            }
            transpose(w);
            for (std::size_t s = 0; s < t.samples; ++s) {
                const float* delta = t.delta.data + s * t.delta.stride + o;
                float* below = t.below.data + s * t.below.stride + i;
                const Vec x = load(t.x.data + s * t.x.stride + i, inputs);
                Vec sum = load(below, inputs);
                for (std::size_t c = 0; c < width; ++c) sum = fma(broadcast(delta[c]), x - w[c], sum);
                store(below, sum, inputs);
            }
        }
    }
}

}  // namespace
}  // namespace lockstep
