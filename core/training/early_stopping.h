// When a run has gone on for long enough: by its error on the validation set, or by its gradient. What a rule
// remembers is a value that its caller keeps, so that a run can be left and gone on with.
#pragma once

#include <cstddef>
#include <limits>

namespace lockstep {

/// Watches an error: which check was the best, and when to give up waiting for a better one (Prechelt, Early
/// Stopping – But When?, 1998, the criterion UP).
class EarlyStopping {
  public:
    /// What it remembers of the checks until now.
    struct State {
        std::size_t waited = 0;  ///< checks since the best
        double best = std::numeric_limits<double>::infinity();
        bool operator==(const State&) const = default;
    };

    /// `patience`: checks without a new best after which to stop; 0: never.
    explicit EarlyStopping(std::size_t patience) : patience_(patience) {}

    /// Takes a check's error. True where it is below every one before; equal is not below, and NaN never is.
    static bool improves(State& state, double error);

    [[nodiscard]] bool over(const State& state) const { return patience_ > 0 && state.waited >= patience_; }

  private:
    std::size_t patience_;
};

/// Watches the norm of the gradient: a minimum, or a plateau, is where it stays small for some time, which
/// one small minibatch gradient does not show.
class GradientStopping {
  public:
    /// What it remembers of the norms until now.
    struct State {
        std::size_t in_a_row = 0;  ///< small ones until now
        bool operator==(const State&) const = default;
    };

    /// `most`: the largest norm that counts as small, 0: never stop; `times`: how many in a row end the run.
    GradientStopping(double most, std::size_t times) : most_(most), times_(times) {}

    /// Takes a norm, which is not small where it is NaN.
    void take(State& state, double norm) const { state.in_a_row = norm <= most_ ? state.in_a_row + 1 : 0; }

    [[nodiscard]] bool over(const State& state) const { return most_ > 0.0 && state.in_a_row >= times_; }

  private:
    double most_;
    std::size_t times_;
};

}  // namespace lockstep
