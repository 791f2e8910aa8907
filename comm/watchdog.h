// Ends a job whose ranks wait for one that does not come, and says which rank that is and where the others
// are.
//
// Every rank tells, at no cost, where it is: a few counters in memory that the ranks of its host share. A
// thread of each rank looks at them now and then. Two things end the job: no rank of the host has come
// further for as long as is allowed, or the thread of one has not moved for as long, since its process is
// stopped. A rank on another host cannot be seen: where each rank says where it is, the missing one is that
// without a line.
//
// Time is counted in looks, not by the clock: a job that is suspended as a whole and continued has not
// waited.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "comm/communicator.h"

namespace lockstep {

/// What a rank is at.
enum class Place : std::uint8_t {
    // Work whose length nobody knows, and that tells nothing of itself: it may take as long as it takes.
    kOutside,  ///< outside training and scoring
    kFiles,    ///< model, log and data are read and written
    kGroups,   ///< the other groups of ranks are waited for
    // What ranks wait for, and so must come to an end.
    kForward,     ///< detail: the step
    kBackward,    ///< detail: the layer
    kStepBegin,   ///< the ranks of this host have not read all of the last step's sums
    kGradients,   ///< detail: the first layer of the bucket whose sum is waited for
    kParameters,  ///< detail: the bucket of sharded parameters that is waited for
    kMetrics,     ///< the sum of the losses is waited for
    kUpdate,      ///< the optimizer's step
    kReplicas,    ///< the replicas are compared, or looked at for NaN
    kScoring,     ///< detail: the piece of the data set
    kLog,         ///< a line of progress is written
};

/// This rank has come to `place`. From the thread that calls MPI. Cost: two plain stores.
void report_place(Place place, std::size_t detail = 0) noexcept;
/// In that step of a run, from 1; 0: outside steps. The same.
void report_step(std::size_t step) noexcept;

/// How often this rank has told where it is, and whether that is work whose length nobody knows, but for
/// kOutside. Safe in a signal's handler.
struct Reports {
    std::uint64_t count = 0;
    bool is_long_work = false;
};
Reports reports_of_this_rank() noexcept;

/// A watch over the ranks, from construction to destruction.
class Watchdog {
  public:
    /// None where `patience` is 0 or one rank is alone. `advice`: the end of what it says. `comm` must
    /// outlive it. One at a time. Collective.
    Watchdog(const Communicator& comm, std::chrono::duration<double> patience, const std::string& advice);
    /// Not collective.
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Ends the watch once all ranks are here. Collective.
    void finish();

  private:
    class Watch;
    std::unique_ptr<Watch> watch_;
};

}  // namespace lockstep
