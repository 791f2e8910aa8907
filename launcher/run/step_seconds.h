// Where a training step's time goes.
#pragma once

#include <algorithm>

#include "launcher/run/stopwatch.h"

namespace lockstep {

/// Seconds, summed over the steps since the last reset.
struct StepSeconds {
    double forward = 0.0;                ///< forward pass and loss
    double backward = 0.0;               ///< gradients and deltas
    double communication_exposed = 0.0;  ///< waiting for other ranks: what the computation did not hide
    double optimizer = 0.0;
};

/// Gives the time since the last lap to a phase. With sharding the optimizer's updates happen inside other
/// phases and count themselves, so that what they took since the last lap is left out.
class PhaseClock {
  public:
    explicit PhaseClock(StepSeconds& seconds) : seconds_(seconds), counted_(seconds.optimizer) {}

    void lap(double StepSeconds::*phase) {
        seconds_.*phase += watch_.lap() - (seconds_.optimizer - counted_);
        counted_ = seconds_.optimizer;
    }

  private:
    StepSeconds& seconds_;
    Stopwatch watch_;
    double counted_;
};

/// The share of a reduction that takes `alone` seconds by itself which did not show as `exposed`, in [0, 1].
/// Waiting for a slower rank is exposed too, so that the share is no overstatement.
inline double hidden_share(double alone, double exposed) {
    return alone > 0.0 ? std::clamp(1.0 - exposed / alone, 0.0, 1.0) : 0.0;
}

}  // namespace lockstep
