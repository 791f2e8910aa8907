#include "comm/spin_wait.h"

#include <immintrin.h>
#include <sched.h>
#include <unistd.h>

namespace lockstep {

namespace {

constexpr int kPauses_before_progress = 100;  // some microseconds
constexpr int kPauses_before_yield = 20000;   // about a millisecond: that rank has been taken off its CPU

}  // namespace

SpinWait::SpinWait(const Communicator& host)
    : host_(host),
      pauses_before_yield_(
          static_cast<long>(host.size()) > sysconf(_SC_NPROCESSORS_ONLN) ? 1 : kPauses_before_yield) {}

void SpinWait::pause() {
    ++pauses_;
    if (pauses_ % kPauses_before_progress == 0) host_.progress();
    if (pauses_ < pauses_before_yield_) {
        _mm_pause();
    } else {
        pauses_ = pauses_before_yield_ - 1;
        host_.progress();
        sched_yield();
    }
}

}  // namespace lockstep
