// The table of kernels: one plain function per operation, filled for the instruction set in use. Internal to
// core.
//
// The files compiled for a wider instruction set include this header, so it may hold nothing but plain data:
// an inline function of the standard library would be emitted there with instructions that other CPUs lack,
// and the linker is free to keep that copy for the whole program.
#pragma once

#include <cstddef>

#include "core/arithmetic/activation.h"
#include "core/arithmetic/optimizer/steps.h"

namespace lockstep {

/// Row r starts at data + r * stride.
struct ConstRows {
    const float* data;
    std::size_t stride;
};
struct Rows {
    float* data;
    std::size_t stride;
};

/// Floats of scratch memory that a product may write to; the kernels' block sizes are chosen to fit.
inline constexpr std::size_t kScratch_floats = std::size_t{1} << 21;

/// A call that a kernel makes now and then; none where null. See pause.h.
struct Pause {
    void (*run)(const void* context);
    const void* context;
    void take() const {
        if (run != nullptr) run(context);
    }
};

/// y = f(x · w + bias), see dense_forward in gemm.h.
struct ForwardTask {
    std::size_t samples, inputs, outputs;
    ConstRows x;        // (samples, inputs)
    ConstRows w;        // (inputs, outputs)
    const float* bias;  // (outputs) or null
    Activation f;
    Rows y;          // (samples, outputs)
    float* scratch;  // (kScratch_floats)
    Pause pause;
};

/// below = (delta · wᵀ) ⊙ f'(x), see dense_input_delta.
struct InputDeltaTask {
    std::size_t samples, inputs, outputs;
    ConstRows delta;  // (samples, outputs)
    ConstRows w;      // (inputs, outputs)
    Activation f;
    ConstRows x;     // (samples, inputs)
    Rows below;      // (samples, inputs)
    float* scratch;  // (kScratch_floats)
    Pause pause;
};

/// dw = tree over leaves of xᵀ · delta, see dense_weight_gradient. samples > 0.
struct WeightGradientTask {
    std::size_t samples, inputs, outputs;
    std::size_t leaf;
    ConstRows x;      // (samples, inputs)
    ConstRows delta;  // (samples, outputs)
    Rows dw;          // (inputs, outputs)
    float* scratch;   // (kScratch_floats)
    Pause pause;
};

/// db = tree over leaves of the column sums of delta, see dense_bias_gradient. samples > 0.
struct BiasGradientTask {
    std::size_t samples, outputs;
    std::size_t leaf;
    ConstRows delta;  // (samples, outputs)
    float* db;        // (outputs)
};

/// y = |x - w|, see distance_forward in distance.h.
struct DistanceTask {
    std::size_t samples, inputs, outputs;
    ConstRows x;  // (samples, inputs)
    ConstRows w;  // (inputs, outputs)
    Rows y;       // (samples, outputs)
};

/// dw = tree over leaves of the sums of delta (w - x), see distance_weight_gradient. samples > 0.
struct DistanceGradientTask {
    std::size_t samples, inputs, outputs;
    std::size_t leaf;
    ConstRows x;      // (samples, inputs)
    ConstRows w;      // (inputs, outputs)
    ConstRows delta;  // (samples, outputs)
    Rows dw;          // (inputs, outputs)
};

/// below = sums of delta (x - w), see distance_input_delta.
struct DistanceInputDeltaTask {
    std::size_t samples, inputs, outputs;
    ConstRows x;      // (samples, inputs)
    ConstRows w;      // (inputs, outputs)
    ConstRows delta;  // (samples, outputs)
    Rows below;       // (samples, inputs)
};

struct SoftmaxTask {
    std::size_t samples, classes;
    ConstRows potential;  // (samples, classes)
    Rows probability;     // (samples, classes)
    float* log_sum;       // (samples)
};

/// See drop_out in dropout.h.
struct DropoutTask {
    std::size_t samples, units;
    unsigned key[2];
    unsigned first, step, purpose;
    float rate;
    ConstRows y;   // (samples, units)
    Rows dropped;  // (samples, units)
};

inline constexpr std::size_t kDigestSums = 8;
/// Values of a block: eight rows of two for each sum, whose keys the wide kernels keep in registers.
inline constexpr std::size_t kDigestBlock = 16 * kDigestSums;
/// sums[l] += for each block its factor times the sum of its values' bits times their keys, see
/// value_digest.h.
struct DigestTask {
    const float* values;  // (blocks, kDigestBlock)
    std::size_t blocks;
    std::size_t first_block;   // number of the first one
    const unsigned* keys;      // (kDigestBlock)
    unsigned long long* sums;  // (kDigestSums)
};
/// Number n of the sequence that SplitMix64 draws from 0.
[[gnu::always_inline]] constexpr unsigned long long split_mix(unsigned long long n) {
    unsigned long long z = (n + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}
/// By which the sums of a block are multiplied. Where it is used, it is computed beside the vectors' work.
[[gnu::always_inline]] constexpr unsigned long long digest_factor(std::size_t block) {
    return split_mix(kDigestBlock + block) | 1U;
}

/// Every operation of gemm.h, distance.h, elementwise.h, dropout.h, column_norm.h and value_digest.h on one
/// thread.
struct Kernels {
    void (*forward)(const ForwardTask&);
    void (*input_delta)(const InputDeltaTask&);
    void (*weight_gradient)(const WeightGradientTask&);
    void (*bias_gradient)(const BiasGradientTask&);
    void (*distance)(const DistanceTask&);
    void (*distance_gradient)(const DistanceGradientTask&);
    void (*distance_input_delta)(const DistanceInputDeltaTask&);
    void (*exp)(const float* x, float* y, std::size_t count);
    void (*log)(const float* x, float* y, std::size_t count);
    void (*sigmoid)(const float* x, float* y, std::size_t count);
    void (*activate)(Activation f, float* values, std::size_t count);
    void (*multiply_by_derivative)(Activation f, const float* y, float* delta, std::size_t count);
    void (*softmax)(const SoftmaxTask&);
    void (*add)(float* into, const float* from, std::size_t count);
    bool (*all_finite)(const float* values, std::size_t count);
    StepKernels steps;
    void (*add_scaled)(float* into, float factor, const float* from, std::size_t count);
    void (*scale)(float* values, float factor, std::size_t count);
    /// One block of square_sum in elementwise.h.
    double (*square_sum)(const float* values, std::size_t count);
    void (*drop_out)(const DropoutTask&);
    /// One row of mask_dropped in dropout.h.
    void (*mask_dropped)(float rate, const float* dropped, float* delta, std::size_t count);
    /// See limit_column_norms; w (rows, cols).
    void (*limit_columns)(Rows w, std::size_t rows, std::size_t cols, float limit);
    void (*digest)(const DigestTask&);
    /// See fma_burst in peak.h; what the chains come to goes to *sink.
    std::size_t (*fma_burst)(std::size_t rounds, float* sink);
};

/// The table of the instruction set in use; valid until use_instruction_set is called.
const Kernels& kernels();

/// Each sets the entries its file implements; the scalar ones set all of them and come first.
void fill_scalar_gemm(Kernels& table);
void fill_scalar_distance(Kernels& table);
void fill_scalar_elementwise(Kernels& table);
void fill_scalar_steps(Kernels& table);
void fill_scalar_regularisation(Kernels& table);
void fill_scalar_digest(Kernels& table);
void fill_scalar_peak(Kernels& table);
void fill_avx2(Kernels& table);
void fill_avx512(Kernels& table);

}  // namespace lockstep
