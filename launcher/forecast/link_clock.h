// A rank's time and its host's link: what is sent while the rank computes is hidden, as far as the link keeps
// up.
#pragma once

#include <cstddef>
#include <vector>

namespace lockstep {

class LinkClock {
  public:
    /// `hidden_rate`: the link's speed while the rank computes, relative to when it waits; `slowdown`: how
    /// much longer a computation takes while something is sent.
    LinkClock(double hidden_rate, double slowdown);

    /// A transfer that keeps the link busy for `seconds` and is complete so much later. They go one after the
    /// other. Returns its number.
    std::size_t post(double seconds, double latency);
    /// The rank computes. Returns the seconds it takes.
    double compute(double seconds);
    /// The rank waits for a transfer. Returns how long.
    double wait(std::size_t transfer);

    /// Seconds that all transfers posted keep the link busy.
    [[nodiscard]] double posted() const { return posted_; }

  private:
    struct Transfer {
        double left = 0.0;  // seconds of the link
        double latency = 0.0;
        double done = 0.0;  // when it left the link
    };
    /// Lets so long a computation pass.
    void pass(double seconds);

    double hidden_rate_;
    double slowdown_;
    double now_ = 0.0;
    double posted_ = 0.0;
    std::size_t sent_ = 0;  // transfers that have left the link
    std::vector<Transfer> transfers_;
};

}  // namespace lockstep
