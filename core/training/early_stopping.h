// Watches a run's error on the validation set: which check was the best, and when to give up waiting for a
// better one (Prechelt, Early Stopping – But When?, 1998, the criterion UP).
#pragma once

#include <cstddef>
#include <limits>

namespace lockstep {

class EarlyStopping {
  public:
    /// `patience`: checks without a new best after which to stop; 0: never.
    explicit EarlyStopping(std::size_t patience) : patience_(patience) {}

    /// Takes a check's loss. True where it is below every one before; equal is not below, and NaN never is.
    bool improves(double loss);

    [[nodiscard]] bool over() const { return patience_ > 0 && waited_ >= patience_; }

  private:
    std::size_t patience_;
    std::size_t waited_ = 0;  // checks since the best
    double best_ = std::numeric_limits<double>::infinity();
};

}  // namespace lockstep
