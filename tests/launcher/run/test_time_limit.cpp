// When a run must stop to be over in time.
#include "launcher/run/time_limit.h"

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

using Clock = TimeLimit::Clock;
using Seconds = TimeLimit::Seconds;

const Clock::time_point kBegin = Clock::time_point(std::chrono::hours(1));

/// The first whole second after the start at which a run whose calls are `step` apart is to stop.
int first_stop(Seconds limit, int step, Seconds checkpoint = Seconds(0.0)) {
    TimeLimit time(StopReason::kMaxWallTime, kBegin, limit);
    for (int second = 0;; second += step) {
        if (time.is_near(checkpoint, kBegin + std::chrono::seconds(second))) return second;
    }
}

}  // namespace

TEST_CASE("time limit: kept in hand are two steps, two checkpoints and five seconds") {
    CHECK(first_stop(Seconds(1000.0), 1) == 1000 - 5 - 2);
    CHECK(first_stop(Seconds(1000.0), 10) == 980);  // at 970 there is 5 s more than is needed
    CHECK(first_stop(Seconds(1000.0), 1, Seconds(60.0)) == 1000 - 5 - 2 - 120);
    // A tenth of a short time: 2 s of 20.
    CHECK(first_stop(Seconds(20.0), 1) == 20 - 2 - 2);
}

TEST_CASE("time limit: it is the longest step that counts, and what is near stays near") {
    TimeLimit time(StopReason::kJobEnd, kBegin, Seconds(1000.0));
    const auto at = [&](int second) {
        return time.is_near(Seconds(0.0), kBegin + std::chrono::seconds(second));
    };
    CHECK(!at(0));
    CHECK(!at(300));  // with an evaluation
    CHECK(time.reason() == StopReason::kRequest);
    CHECK(!at(394));
    CHECK(at(395));
    CHECK(time.reason() == StopReason::kJobEnd);
    CHECK(at(0));
}

TEST_CASE("time limit: without one there is time for ever") {
    TimeLimit none;
    CHECK(!none.is_near(Seconds(1e9), Clock::time_point::max()));
    CHECK(none.reason() == StopReason::kRequest);
}
