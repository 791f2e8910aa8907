// A thread that is to get no signals.
#pragma once

#include <csignal>

namespace lockstep {

/// While it lives the calling thread takes no signals, and a thread that is started takes none as long as
/// that lives: they stay the main thread's, whose handlers set flags.
class NoSignals {
  public:
    NoSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;

  private:
    sigset_t before_{};
};

}  // namespace lockstep
