// Work that wants a turn while products are computed: a thread that is busy for milliseconds lets it in
// between panels of the result, some tens of microseconds apart.
#pragma once

#include <functional>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {

/// While it lives, the products that this thread calls, and its share of those that a pool computes, give
/// `work` a turn now and then. `work` must not throw nor call products, and must outlive the object. One at a
/// time on a thread. Scalar kernels, which are for reading and not for speed, give no turns.
class PausesFor {
  public:
    explicit PausesFor(const std::function<void()>& work);
    ~PausesFor();
    PausesFor(const PausesFor&) = delete;
    PausesFor& operator=(const PausesFor&) = delete;
};

/// What the calling thread's products are to do between panels.
Pause current_pause();

}  // namespace lockstep
