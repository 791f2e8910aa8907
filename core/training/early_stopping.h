// When a run has gone on for long enough: by its error on the validation set, or by its gradient.
#pragma once

#include <cstddef>
#include <limits>

namespace lockstep {

/// Watches an error: which check was the best, and when to give up waiting for a better one (Prechelt, Early
/// Stopping – But When?, 1998, the criterion UP).
class EarlyStopping {
  public:
    /// `patience`: checks without a new best after which to stop; 0: never.
    explicit EarlyStopping(std::size_t patience) : patience_(patience) {}

    /// Takes a check's error. True where it is below every one before; equal is not below, and NaN never is.
    bool improves(double error);

    [[nodiscard]] bool over() const { return patience_ > 0 && waited_ >= patience_; }

  private:
    std::size_t patience_;
    std::size_t waited_ = 0;  // checks since the best
    double best_ = std::numeric_limits<double>::infinity();
};

/// Watches the norm of the gradient: a minimum, or a plateau, is where it stays small for some time, which
/// one small minibatch gradient does not show.
class GradientStopping {
  public:
    /// `most`: the largest norm that counts as small, 0: never stop; `times`: how many in a row end the run.
    GradientStopping(double most, std::size_t times) : most_(most), times_(times) {}

    /// Takes a norm, which is not small where it is NaN.
    void take(double norm) { in_a_row_ = norm <= most_ ? in_a_row_ + 1 : 0; }

    [[nodiscard]] bool over() const { return most_ > 0.0 && in_a_row_ >= times_; }

  private:
    double most_;
    std::size_t times_;
    std::size_t in_a_row_ = 0;
};

}  // namespace lockstep
