// Sets every entry of the table of kernels to the functions of simd_*.h.
#pragma once

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/simd/peak.h"

namespace lockstep {
namespace {

inline void fill_simd(Kernels& table) {
    table.forward = forward_simd;
    table.input_delta = input_delta_simd;
    table.weight_gradient = weight_gradient_simd;
    table.bias_gradient = bias_gradient_simd;
    table.distance = distance_simd;
    table.distance_gradient = distance_gradient_simd;
    table.distance_input_delta = distance_input_delta_simd;
    table.exp = exp_simd;
    table.log = log_simd;
    table.tanh = tanh_simd;
    table.sigmoid = sigmoid_simd;
    table.activate = activate_simd;
    table.multiply_by_derivative = multiply_by_derivative_simd;
    table.softmax = softmax_simd;
    table.add = add_simd;
    table.all_finite = all_finite_simd;
    table.sgd = sgd_simd;
    table.adaptive = adaptive_simd;
    table.adadelta = adadelta_simd;
    table.adam = adam_simd;
    table.lamb_direction = lamb_direction_simd;
    table.add_scaled = add_scaled_simd;
    table.scale = scale_simd;
    table.square_sum = square_sum_simd;
    table.drop_out = drop_out_simd;
    table.mask_dropped = mask_dropped_simd;
    table.limit_columns = limit_columns_simd;
    table.fma_burst = fma_burst_simd;
}

}  // namespace
}  // namespace lockstep
