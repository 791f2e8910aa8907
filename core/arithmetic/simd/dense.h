// The products of a dense layer and the bias gradient, as calls of the blocked product of simd/gemm.h.
// The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {
namespace {

/// c = f(c + bias).
inline void finish_forward(const Epilogue& e, Rows c, std::size_t row, std::size_t col, std::size_t rows,
                           std::size_t cols) {
    with_function<Registers>(e.f, [&](const auto& f) {
        for (std::size_t r = row; r < row + rows; ++r) {
            float* y = c.data + r * c.stride + col;
            if (e.bias == nullptr) {
                map(y, y, cols, f);
                continue;
            }
            const float* bias = e.bias + col;
            for_registers(cols, [&](std::size_t i, auto access) {
                access.write(y + i, f(access.read(y + i) + access.read(bias + i)));
            });
        }
    });
}

/// c = c ⊙ f'(y).
inline void finish_input_delta(const Epilogue& e, Rows c, std::size_t row, std::size_t col, std::size_t rows,
                               std::size_t cols) {
    for (std::size_t r = row; r < row + rows; ++r) {
        multiply_by_derivative_simd(e.f, e.y.data + r * e.y.stride + col, c.data + r * c.stride + col, cols);
    }
}

void forward_simd(const ForwardTask& t) {
    const bool needed = t.bias != nullptr || t.f.kind != ActivationKind::kIdentity;
    const Epilogue epilogue{finish_forward, t.f, t.bias, {}};
    multiply_blocked<TileKind::kProduct>({.rows = t.samples,
                                          .cols = t.outputs,
                                          .depth = t.inputs,
                                          .a = t.x,
                                          .a_by_depth = false,
                                          .b = t.w,
                                          .b_transposed = false,
                                          .c = t.y,
                                          .leaf = 0,
                                          .epilogue = needed ? &epilogue : nullptr,
                                          .scratch = t.scratch,
                                          .pause = t.pause});
}

void input_delta_simd(const InputDeltaTask& t) {
    const Epilogue epilogue{finish_input_delta, t.f, nullptr, t.x};
    multiply_blocked<TileKind::kProduct>(
        {.rows = t.samples,
         .cols = t.inputs,
         .depth = t.outputs,
         .a = t.delta,
         .a_by_depth = false,
         .b = t.w,
         .b_transposed = true,
         .c = t.below,
         .leaf = 0,
         .epilogue = t.f.kind != ActivationKind::kIdentity ? &epilogue : nullptr,
         .scratch = t.scratch,
         .pause = t.pause});
}

void weight_gradient_simd(const WeightGradientTask& t) {
    multiply_blocked<TileKind::kGradient>({.rows = t.inputs,
                                           .cols = t.outputs,
                                           .depth = t.samples,
                                           .a = t.x,
                                           .a_by_depth = true,
                                           .b = t.delta,
                                           .b_transposed = false,
                                           .c = t.dw,
                                           .leaf = t.leaf,
                                           .epilogue = nullptr,
                                           .scratch = t.scratch,
                                           .pause = t.pause});
}

/// One register of columns: the sums of its leaves, added as in gradient_tile.
template <class Access>
inline void bias_gradient_register(const BiasGradientTask& t, std::size_t col, Access access) {
    float stack[48 * kLanes];
    float* top = stack;
    Vec sum = zero();
    std::size_t first = 0;
    for (std::size_t finished = 0;; ++finished) {
        const std::size_t end = t.samples - first < t.leaf ? t.samples : first + t.leaf;
        sum = zero();
        for (; first < end; ++first) sum += access.read(t.delta.data + first * t.delta.stride + col);
        for (std::size_t ones = finished; (ones & 1) != 0; ones >>= 1) {
            top -= kLanes;
            sum = load(top) + sum;
        }
        if (first == t.samples) break;
        store(top, sum);
        top += kLanes;
    }
    while (top != stack) {
        top -= kLanes;
        sum = load(top) + sum;
    }
    access.write(t.db + col, sum);
}

void bias_gradient_simd(const BiasGradientTask& t) {
    for_registers(t.outputs, [&](std::size_t col, auto access) { bias_gradient_register(t, col, access); });
}

}  // namespace
}  // namespace lockstep
