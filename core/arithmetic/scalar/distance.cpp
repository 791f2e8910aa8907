// The scalar reference of distance.h: oracle of the tests and fallback of every CPU. Written to be read.
#include <algorithm>
#include <cmath>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/scalar/tree.h"

namespace lockstep {

namespace {

void distance_scalar(const DistanceTask& t) {
    for (std::size_t s = 0; s < t.samples; ++s) {
        for (std::size_t o = 0; o < t.outputs; ++o) {
            float sum = 0.0F;
            for (std::size_t i = 0; i < t.inputs; ++i) {
                const float d = t.x.data[s * t.x.stride + i] - t.w.data[i * t.w.stride + o];
                sum = std::fma(d, d, sum);
            }
            t.y.data[s * t.y.stride + o] = std::sqrt(sum);
        }
    }
}

void distance_gradient_scalar(const DistanceGradientTask& t) {
    const LeafRange root{0, leaf_count(t.samples, t.leaf)};
    for (std::size_t i = 0; i < t.inputs; ++i) {
        for (std::size_t o = 0; o < t.outputs; ++o) {
            const float w = t.w.data[i * t.w.stride + o];
            t.dw.data[i * t.dw.stride + o] =
                scalar::node_sum(root, t.leaf, t.samples, [&](std::size_t begin, std::size_t end) {
                    float sum = 0.0F;
                    for (std::size_t s = begin; s < end; ++s) {
                        const float away = w - t.x.data[s * t.x.stride + i];
                        sum = std::fma(t.delta.data[s * t.delta.stride + o], away, sum);
                    }
                    return sum;
                });
        }
    }
}

void distance_input_delta_scalar(const DistanceInputDeltaTask& t) {
    for (std::size_t s = 0; s < t.samples; ++s) {
        const float* delta = t.delta.data + s * t.delta.stride;
        for (std::size_t i = 0; i < t.inputs; ++i) {
            const float x = t.x.data[s * t.x.stride + i];
            const float* w = t.w.data + i * t.w.stride;
            float sum = 0.0F;
            for (std::size_t o = 0; o < t.outputs; ++o) sum = std::fma(delta[o], x - w[o], sum);
            t.below.data[s * t.below.stride + i] = sum;
        }
    }
}

}  // namespace

void fill_scalar_distance(Kernels& table) {
    table.distance = distance_scalar;
    table.distance_gradient = distance_gradient_scalar;
    table.distance_input_delta = distance_input_delta_scalar;
}

}  // namespace lockstep
