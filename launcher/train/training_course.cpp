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

}  // namespace

void TrainingCourse::step(double loss_sum, std::size_t samples) {
    ++steps_;
    if (first_samples_ >= kFirstSamples) return;
    first_loss_ += loss_sum;
    first_samples_ += samples;
}

void TrainingCourse::epoch(const Score& train) {
    if (++epochs_ == 1) first_epoch_loss_ = train.loss;
    last_epoch_ = train;
}

std::string TrainingCourse::concern(const std::optional<Score>& validation,
                                    const std::optional<Score>& test) const {
    if (!last_epoch_) return "";
    for (const auto& [score, name] : {std::pair(validation, "validation"), std::pair(test, "test")}) {
        if (!score || std::isfinite(score->loss)) continue;
        return fmt::format(
            "the training diverged: the {} loss is {}; lower optimizer.learning_rate, or let it rise by "
            "optimizer.warmup_steps",
            name, score->loss);
    }
    const double last = last_epoch_->loss;
    const double first = first_loss_ / static_cast<double>(first_samples_);
    if (last > 2.0 * first && last > kNoLoss) {
        return fmt::format(
            "the training diverged: its loss was {:.5f} at the beginning and {:.5f} in the last epoch; lower "
            "optimizer.learning_rate, or let it rise by optimizer.warmup_steps",
            first, last);
    }
    if (guesses()) {
        return fmt::format(
            "nothing was learnt: the training accuracy of {:.2f} % is no better than guessing among {} "
            "classes; "
            "try another optimizer.learning_rate (lower where the loss rose, higher where it hardly moved), "
            "more "
            "steps, or preprocessing.inputs = standardise, and check that labels and samples belong together",
            100.0 * *last_epoch_->accuracy, classes_);
    }
    if (rests()) {
        return fmt::format(
            "nothing was learnt: the training loss stayed at {:.5f}; raise optimizer.learning_rate or train "
            "for "
            "longer, and check that the inputs are scaled (preprocessing.inputs) and no activation is "
            "saturated",
            last);
    }
    return "";
}

bool TrainingCourse::guesses() const {
    if (classes_ < 2 || !last_epoch_->accuracy || steps_ < kFewSteps) return false;
    if (last_epoch_->samples < 10 * classes_) return false;
    const double chance = 1.0 / static_cast<double>(classes_);
    // Classes are seldom of equal size, and a network that always says one has that one's share: up to a
    // fifth more counts as guessing, less where the chance is large.
    return *last_epoch_->accuracy <= chance * (1.0 + 0.2 * (1.0 - chance));
}

bool TrainingCourse::rests() const {
    if (epochs_ < 2 || steps_ < kFewSteps || last_epoch_->loss <= kNoLoss) return false;
    return std::fabs(last_epoch_->loss - first_epoch_loss_) <= 1e-3 * first_epoch_loss_;
}

}  // namespace lockstep
