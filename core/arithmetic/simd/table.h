// All kernels on registers, and the table's entries set to them. The register type comes from the vec_*.h
// included before.
#pragma once

#include "core/arithmetic/dispatch/kernels.h"

// The order matters: each header uses what the ones before it define.
// clang-format off
#include "core/arithmetic/simd/math.h"
#include "core/arithmetic/simd/elementwise.h"
#include "core/arithmetic/optimizer/simd_steps.h"
#include "core/arithmetic/simd/regularisation.h"
#include "core/arithmetic/simd/digest.h"
#include "core/arithmetic/simd/tile.h"
#include "core/arithmetic/simd/pack.h"
#include "core/arithmetic/simd/gemm.h"
#include "core/arithmetic/simd/dense.h"
#include "core/arithmetic/simd/distance.h"
#include "core/arithmetic/simd/peak.h"
// clang-format on

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
    table.sigmoid = sigmoid_simd;
    table.activate = activate_simd;
    table.multiply_by_derivative = multiply_by_derivative_simd;
    table.softmax = softmax_simd;
    table.add = add_simd;
    table.all_finite = all_finite_simd;
    fill_steps(table.steps);
    table.add_scaled = add_scaled_simd;
    table.scale = scale_simd;
    table.square_sum = square_sum_simd;
    table.drop_out = drop_out_simd;
    table.mask_dropped = mask_dropped_simd;
    table.limit_columns = limit_columns_simd;
    table.digest = digest_simd;
    table.fma_burst = fma_burst_simd;
}

}  // namespace
}  // namespace lockstep
