#include "launcher/forecast/link_clock.h"

#include <algorithm>

namespace lockstep {

namespace {

/// Transfers always move, if only a little.
constexpr double kSlowest_rate = 1e-3;

}  // namespace

LinkClock::LinkClock(double hidden_rate, double slowdown)
    : hidden_rate_(std::max(hidden_rate, kSlowest_rate)), slowdown_(slowdown) {}

std::size_t LinkClock::post(double seconds, double latency) {
    transfers_.push_back({seconds, latency, now_});
    posted_ += seconds;
    return transfers_.size() - 1;
}

void LinkClock::pass(double seconds) {
    const double end = now_ + seconds;
    for (; sent_ < transfers_.size(); ++sent_) {
        Transfer& first = transfers_[sent_];
        const double possible = (end - now_) * hidden_rate_;
        if (first.left > possible) {
            first.left -= possible;
            break;
        }
        now_ += first.left / hidden_rate_;
        first.left = 0.0;
        first.done = now_;
    }
    now_ = end;
}

double LinkClock::compute(double seconds) {
    const double begin = now_;
    double busy = 0.0;
    for (std::size_t t = sent_; t < transfers_.size(); ++t) busy += transfers_[t].left;
    // As long as the link is busy a second of computing takes 1 + slowdown.
    const double slowed = std::min(seconds * (1.0 + slowdown_), busy / hidden_rate_);
    pass(slowed + seconds - slowed / (1.0 + slowdown_));
    return now_ - begin;
}

double LinkClock::wait(std::size_t transfer) {
    const double begin = now_;
    for (; sent_ <= transfer; ++sent_) {
        now_ += transfers_[sent_].left;
        transfers_[sent_].left = 0.0;
        transfers_[sent_].done = now_;
    }
    const Transfer& wanted = transfers_[transfer];
    now_ = std::max(now_, wanted.done + wanted.latency);
    return now_ - begin;
}

}  // namespace lockstep
