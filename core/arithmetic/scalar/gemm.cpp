// The scalar reference of the products: oracle of the tests and fallback of every CPU. Written to be read.
#include <cmath>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/functions.h"
#include "core/arithmetic/scalar/tree.h"

namespace lockstep {

namespace {

void forward_scalar(const ForwardTask& t) {
    for (std::size_t s = 0; s < t.samples; ++s) {
        const float* x = t.x.data + s * t.x.stride;
        for (std::size_t o = 0; o < t.outputs; ++o) {
            float xi = 0.0F;
            for (std::size_t i = 0; i < t.inputs; ++i) xi = std::fma(x[i], t.w.data[i * t.w.stride + o], xi);
            if (t.bias != nullptr) xi += t.bias[o];
            t.y.data[s * t.y.stride + o] = scalar::activate(t.f, xi);
        }
    }
}

void input_delta_scalar(const InputDeltaTask& t) {
    const bool reads_x = t.f.kind != ActivationKind::kIdentity;
    for (std::size_t s = 0; s < t.samples; ++s) {
        const float* delta = t.delta.data + s * t.delta.stride;
        for (std::size_t i = 0; i < t.inputs; ++i) {
            const float* w = t.w.data + i * t.w.stride;
            float sum = 0.0F;
            for (std::size_t o = 0; o < t.outputs; ++o) sum = std::fma(delta[o], w[o], sum);
            if (reads_x) sum = scalar::multiply_by_derivative(t.f, t.x.data[s * t.x.stride + i], sum);
            t.below.data[s * t.below.stride + i] = sum;
        }
    }
}

void weight_gradient_scalar(const WeightGradientTask& t) {
    const LeafRange root{0, leaf_count(t.samples, t.leaf)};
    for (std::size_t i = 0; i < t.inputs; ++i) {
        for (std::size_t o = 0; o < t.outputs; ++o) {
            t.dw.data[i * t.dw.stride + o] =
                scalar::node_sum(root, t.leaf, t.samples, [&](std::size_t begin, std::size_t end) {
                    float sum = 0.0F;
                    for (std::size_t s = begin; s < end; ++s) {
                        sum =
                            std::fma(t.x.data[s * t.x.stride + i], t.delta.data[s * t.delta.stride + o], sum);
                    }
                    return sum;
                });
        }
    }
}

void bias_gradient_scalar(const BiasGradientTask& t) {
    const LeafRange root{0, leaf_count(t.samples, t.leaf)};
    for (std::size_t o = 0; o < t.outputs; ++o) {
        t.db[o] = scalar::node_sum(root, t.leaf, t.samples, [&](std::size_t begin, std::size_t end) {
            float sum = 0.0F;
            for (std::size_t s = begin; s < end; ++s) sum += t.delta.data[s * t.delta.stride + o];
            return sum;
        });
    }
}

}  // namespace

void fill_scalar_gemm(Kernels& table) {
    table.forward = forward_scalar;
    table.input_delta = input_delta_scalar;
    table.weight_gradient = weight_gradient_scalar;
    table.bias_gradient = bias_gradient_scalar;
}

}  // namespace lockstep
