// How a rank passes the time until another one has written to shared memory.
#pragma once

#include "comm/communicator.h"

namespace lockstep {

/// Waits for ranks of one host: call pause() between two looks at what is waited for.
class SpinWait {
  public:
    /// `host`: the ranks that may be waited for; it must outlive the object.
    explicit SpinWait(const Communicator& host);
    /// The start of a new wait.
    void reset() { pauses_ = 0; }
    /// At first a moment's pause, for the other rank is usually about to write. Then MPI gets its turns: a
    /// message that MPI has taken but not delivered moves only while its sender calls MPI, and the rank that
    /// is waited for may itself be waiting for that message. At last other processes do, at once where the
    /// ranks are more than the CPUs: the rank that is waited for may need this one.
    void pause();

  private:
    const Communicator& host_;
    int pauses_before_yield_;
    int pauses_ = 0;
};

}  // namespace lockstep
