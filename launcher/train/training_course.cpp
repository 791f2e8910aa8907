#include "launcher/train/training_course.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace lockstep {

namespace {

/// The loss before training is a mean over so many samples at least: that of one sample says nothing.
constexpr std::size_t kFirstSamples = 64;
/// Losses below this are a network that has learnt all there is; their ratios are noise.
constexpr double kNoLoss = 1e-6;
/// Steps before which nobody expects much.
constexpr std::size_t kFewSteps = 10;

/// Whether the loss has not moved.
bool rests(const TrainingCourse::State& state) {
    if (state.epochs < 2 || state.steps < kFewSteps || state.last_epoch->loss <= kNoLoss) return false;
    return std::fabs(state.last_epoch->loss - state.first_epoch_loss) <= 1e-3 * state.first_epoch_loss;
}

}  // namespace

void TrainingCourse::step(State& state, double loss_sum, std::size_t samples) {
    ++state.steps;
    if (state.first_samples >= kFirstSamples) return;
    state.first_loss += loss_sum;
    state.first_samples += samples;
}

void TrainingCourse::epoch(State& state, const Score& train) {
    if (++state.epochs == 1) state.first_epoch_loss = train.loss;
    state.last_epoch = train;
}

std::string TrainingCourse::concern(const State& state, const std::optional<Score>& validation,
                                    const std::optional<Score>& test) const {
    if (!state.last_epoch) return "";
    for (const auto& [score, name] : {std::pair(validation, "validation"), std::pair(test, "test")}) {
        if (!score || std::isfinite(score->loss)) continue;
        return fmt::format(
            "the training diverged: the {} loss is {}; lower optimizer.learning_rate, or let it rise by "
            "optimizer.warmup_steps",
            name, score->loss);
    }
    const double last = state.last_epoch->loss;
    const double first = state.first_loss / static_cast<double>(state.first_samples);
    if (last > 2.0 * first && last > kNoLoss) {
        return fmt::format(
            "the training diverged: its loss was {:.5f} at the beginning and {:.5f} in the last epoch; lower "
            "optimizer.learning_rate, or let it rise by optimizer.warmup_steps",
            first, last);
    }
    if (guesses(state)) {
        return fmt::format(
            "nothing was learnt: the training accuracy of {:.2f} % is no better than guessing among {} "
            "classes; "
            "try another optimizer.learning_rate (lower where the loss rose, higher where it hardly moved), "
            "more "
            "steps, or preprocessing.inputs = standardise, and check that labels and samples belong together",
            100.0 * *state.last_epoch->accuracy, classes_);
    }
    if (rests(state)) {
        return fmt::format(
            "nothing was learnt: the training loss stayed at {:.5f}; raise optimizer.learning_rate or train "
            "for "
            "longer, and check that the inputs are scaled (preprocessing.inputs) and no activation is "
            "saturated",
            last);
    }
    return "";
}

bool TrainingCourse::guesses(const State& state) const {
    if (classes_ < 2 || !state.last_epoch->accuracy || state.steps < kFewSteps) return false;
    if (state.last_epoch->samples < 10 * classes_) return false;
    const double chance = 1.0 / static_cast<double>(classes_);
    // Classes are seldom of equal size, and a network that always says one has that one's share: up to a
    // fifth more counts as guessing, less where the chance is large.
    return *state.last_epoch->accuracy <= chance * (1.0 + 0.2 * (1.0 - chance));
}

}  // namespace lockstep
