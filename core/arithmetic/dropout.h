// Dropout: silences random neurons while a network trains.
//
// Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014,
// in the inverted form: what stays is scaled up in training, so that nothing is left to do afterwards.
#pragma once

#include <cstdint>

#include "core/base/matrix.h"

namespace lockstep {

/// What the random choice of a batch's silent neurons depends on, besides the neuron and the sample's place.
struct DropoutDraw {
    std::uint64_t seed = 0;
    std::uint32_t step = 0;    ///< of the run
    std::uint32_t place = 0;   ///< 0 for the inputs, 1 + l for the outputs of layer l; below 2^24
    std::uint32_t first = 0;   ///< the first row's position in the global batch
    bool whole_batch = false;  ///< one choice for all samples of the step: that of position 0
};

/// dropped = −0 where a neuron is silent, else y · 1/(1 − rate) + 0, which is never −0: so `dropped` holds
/// the mask, too. Neuron u of row r is silent where uniform01(word) < rate, with word (u mod 64) div 16 of
///   philox4x32({16 · (u div 64) + u mod 16, first + r, step, kDropout + 256 · place}, seed)
/// or with 0 in place of first + r for the whole batch.
/// Shapes: y, dropped (b, units). Requires 0 < rate < 1.
void drop_out(const DropoutDraw& draw, float rate, ConstMatrix y, Matrix dropped);

/// delta = +0 where `dropped` is −0, else delta · 1/(1 − rate). Shapes: dropped, delta (b, units).
void mask_dropped(float rate, ConstMatrix dropped, Matrix delta);

}  // namespace lockstep
