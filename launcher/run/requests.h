// What a run is asked for from outside while it trains: to stop, or to save a checkpoint. By signals.
//
// SIGTERM, SIGINT, SIGHUP and SIGUSR1 ask to stop, SIGUSR2 for a checkpoint. A rank that is asked tells the
// others with the step that it is about to take (MetricsSum), so that all of them stop after the same one.
//
// SIGTERM may as well be how a launcher ends a job of which a rank has died, and then no step comes to its
// end any more. So once it is there, a rank that comes no further for 3 s, or twice the longest step so far
// where that is more, is ended as the signal would have done it; what reads or writes files may take its
// time.
#pragma once

#include <functional>

namespace lockstep {

struct RunRequests {
    bool stop = false;        ///< after the step at hand, with a checkpoint
    bool checkpoint = false;  ///< of the parameters after the step at hand; training goes on
    [[nodiscard]] bool any() const { return stop || checkpoint; }
    bool operator==(const RunRequests&) const = default;
};
inline RunRequests operator|(RunRequests a, RunRequests b) {
    return {a.stop || b.stop, a.checkpoint || b.checkpoint};
}

/// What this rank asks for at the moment. Called before each step, on each rank. Null: never anything.
using AskRequests = std::function<RunRequests()>;

/// While it lives, the signals above ask instead of ending the process. A second SIGINT ends it at once, as
/// does SIGTERM after leave_on_termination. What was ignored, as SIGHUP is under nohup, stays ignored. One at
/// a time.
class RequestSignals {
  public:
    RequestSignals();
    ~RequestSignals();
    RequestSignals(const RequestSignals&) = delete;
    RequestSignals& operator=(const RequestSignals&) = delete;

    /// What signals have asked for until now: to stop, for good; for a checkpoint, since the last call.
    [[nodiscard]] static RunRequests take() noexcept;
    /// Whether one came by which a launcher may be ending the job as a whole, and will end MPI with it.
    [[nodiscard]] static bool is_terminated() noexcept;
};

/// The exit code is known, and nothing left to be done: a SIGTERM ends the process with that code from here
/// on. Launchers send one to the other ranks as soon as the first has left with an error, and would report
/// theirs.
void leave_on_termination(int exit_code) noexcept;

}  // namespace lockstep
