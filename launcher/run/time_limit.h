// When a run must have stopped: after run.max_wall_time, or with its Slurm job.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "comm/communicator.h"

namespace lockstep {

/// Why a run was stopped before its end.
enum class StopReason {
    kRequest,      ///< a signal
    kMaxWallTime,  ///< run.max_wall_time is nearly over
    kJobEnd,       ///< the end of the Slurm job is near
};

/// Says before each step whether it must be the last, so that the run is over in time.
class TimeLimit {
  public:
    using Clock = std::chrono::steady_clock;
    using Seconds = std::chrono::duration<double>;

    /// None.
    TimeLimit() = default;
    /// `seconds` from `begin`.
    TimeLimit(StopReason reason, Clock::time_point begin, Seconds seconds)
        : reason_(reason),
          whole_(seconds),
          end_(begin + std::chrono::duration_cast<Clock::duration>(seconds)) {}

    /// Whether what is left may be too short for another step after this one. What is kept in hand: twice the
    /// longest time there was between two calls, an evaluation included, twice a checkpoint's, and 5 s, or a
    /// tenth of the whole where that is less. Once true, always.
    bool is_near(Seconds checkpoint, Clock::time_point now = Clock::now());

    /// Once it is near; before that a run is stopped by request alone.
    [[nodiscard]] StopReason reason() const { return is_near_ ? reason_ : StopReason::kRequest; }

  private:
    StopReason reason_ = StopReason::kRequest;
    Seconds whole_{0.0};
    std::optional<Clock::time_point> end_;
    std::optional<Clock::time_point> last_call_;
    Seconds longest_{0.0};
    bool is_near_ = false;
};

/// The limit of a run of this program: `max_wall_time` (0: none) after the program's start, or the end of the
/// Slurm job that it is part of, whichever comes first. Rank 0 asks Slurm, once; where it gets no answer,
/// there is no such end. Collective.
TimeLimit time_limit_of_job(const Communicator& comm, TimeLimit::Seconds max_wall_time);

}  // namespace lockstep
