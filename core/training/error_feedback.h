// The memory of what top-k compression keeps back.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/buffer.h"

namespace lockstep {

/// For every leaf of a rank's share of a whole batch, what was kept back of its gradient until now: one value
/// a parameter. The memory belongs to the leaf's place in the batch, so it is the same on any number of
/// ranks. A batch shorter than the others lies otherwise over the ranks, so its leaves must be left alone.
class ErrorFeedback {
  public:
    /// `share`: of the values that go up, 0 < share <= 1 (kept_of). Zero at first.
    ErrorFeedback(std::size_t leaves, std::size_t parameters, double share)
        : parameters_(parameters), share_(share), kept_back_(leaves * parameters) {}

    /// Adds what was kept back of elements [first, first + n) of a leaf to its gradient (n), and keeps back
    /// all but the largest (keep_largest). `leaf` counts from the share's first.
    void compress(std::size_t leaf, std::size_t first, std::span<float> gradient);

    /// What is kept back, (leaves, parameters), for those who keep or restore it between steps.
    [[nodiscard]] std::span<float> values() { return kept_back_.span(); }

  private:
    std::size_t parameters_;
    double share_;
    Buffer<float> kept_back_;  // (leaves, parameters)
};

}  // namespace lockstep
