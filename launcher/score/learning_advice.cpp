#include "launcher/score/learning_advice.h"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {

std::string rate_advice(const Config& config) {
    if (config.optimizer.name == "lars") return "";
    const LearningRateOptions& rate = config.learning_rate;
    const float largest = std::max(std::ranges::max(rate.rates),
                                   rate.schedule == RateSchedule::kCosine ? rate.final_rate : 0.0F);
    if (largest <= 1.0F) return "";
    return fmt::format(
        "a learning rate of {}: rates lie above 0 and up to 1 by rule; with more a step overshoots, and the "
        "training often diverges; lower optimizer.{}",
        largest, largest == rate.final_rate ? "rate_final" : "learning_rate");
}

std::size_t neurons_by_rule_of_thumb(std::size_t training_samples) { return (training_samples + 9) / 10; }

}  // namespace lockstep
