// Whether a run has learnt anything, by what its training losses and accuracies came to.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "launcher/score/evaluation.h"

namespace lockstep {

class TrainingCourse {
  public:
    /// What it remembers of the steps and epochs until now.
    struct State {
        std::size_t steps = 0;
        double first_loss = 0.0;  ///< summed over the first samples
        std::size_t first_samples = 0;
        std::size_t epochs = 0;
        double first_epoch_loss = 0.0;
        std::optional<Score> last_epoch;
        bool operator==(const State&) const = default;
    };

    /// `classes`: of the targets, 0 where they are real.
    explicit TrainingCourse(std::size_t classes) : classes_(classes) {}

    /// Takes a step's loss, summed over the batch's samples.
    static void step(State& state, double loss_sum, std::size_t samples);
    /// Takes the mean over an epoch.
    static void epoch(State& state, const Score& train);

    /// What went wrong and what to do; "" where nothing did: the loss ended far above its start, or is no
    /// number on the validation or test set; the accuracy is that of guessing; the loss has not moved. Says
    /// nothing of the last two after so few steps that nothing could be expected. Of two scores either may
    /// be missing.
    [[nodiscard]] std::string concern(const State& state, const std::optional<Score>& validation,
                                      const std::optional<Score>& test) const;

  private:
    [[nodiscard]] bool guesses(const State& state) const;

    std::size_t classes_;
};

}  // namespace lockstep
