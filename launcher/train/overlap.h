// Lets transfers go on while products are computed: MPI moves nothing between its calls.
#pragma once

#include <exception>
#include <functional>
#include <utility>

#include "core/arithmetic/dispatch/pause.h"

namespace lockstep {

class Overlap {
  public:
    /// `progress` moves what is in flight without waiting. null: there is nothing to hide.
    explicit Overlap(std::function<void()> progress) : progress_(std::move(progress)) {}
    Overlap(const Overlap&) = delete;  // turn_ points at it
    Overlap& operator=(const Overlap&) = delete;

    /// Computes, and gives the transfers turns between the panels of its products. An error of theirs is
    /// thrown after the computation, not out of a kernel, where threads may be at work.
    template <class Computation>
    void during(const Computation& compute) {
        if (!progress_) return compute();
        {
            const PausesFor pauses(turn_);
            compute();
        }
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

  private:
    void take_turn() {
        if (error_) return;
        try {
            progress_();
        } catch (...) {
            error_ = std::current_exception();
        }
    }

    std::function<void()> progress_;
    std::function<void()> turn_ = [this] { take_turn(); };
    std::exception_ptr error_;
};

}  // namespace lockstep
