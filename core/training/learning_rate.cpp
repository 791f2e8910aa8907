#include "core/training/learning_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/arithmetic/cosine.h"
#include "core/base/number.h"
#include "core/base/power.h"
#include "core/base/spelling.h"

namespace lockstep {

namespace {}  // namespace

LearningRate::LearningRate(LearningRateOptions options, std::size_t steps_per_epoch, std::size_t total_steps)
    : options_(std::move(options)), steps_per_epoch_(steps_per_epoch), total_steps_(total_steps) {}

float LearningRate::at(std::size_t number, const State& state) const {
    const double rate = scheduled(number, state);
    if (number >= options_.warmup_steps) return static_cast<float>(rate);
    return static_cast<float>(rate * static_cast<double>(number) /
                              static_cast<double>(options_.warmup_steps));
}

double LearningRate::scheduled(std::size_t number, const State& state) const {
    const std::size_t epochs = (number - 1) / steps_per_epoch_;
    // Steps of the schedule that are behind: the warm-up's count as none.
    const std::size_t behind = number > options_.warmup_steps ? number - options_.warmup_steps - 1 : 0;
    const auto rate = static_cast<double>(options_.rates.front());
    const auto decay = static_cast<double>(options_.decay);
    switch (options_.schedule) {
        case RateSchedule::kConstant:
            return static_cast<double>(options_.rates[std::min(epochs, options_.rates.size() - 1)]);
        case RateSchedule::kSteps:
            return rate * power(decay, epochs / options_.decay_epochs);
        case RateSchedule::kExponential:
            return rate * power(decay, epochs);
        case RateSchedule::kInverse: {
            const auto scale = static_cast<double>(options_.decay_steps);
            return rate * scale / (scale + static_cast<double>(behind));
        }
        case RateSchedule::kCosine: {
            const auto final_rate = static_cast<double>(options_.final_rate);
            // Steps after the warm-up, of which the last has exactly the final rate.
            const std::size_t descent = total_steps_ - std::min(total_steps_, options_.warmup_steps);
            if (number >= total_steps_ && descent > 0 && total_steps_ > 1) return final_rate;
            const double x =
                static_cast<double>(behind) / static_cast<double>(std::max<std::size_t>(descent, 2) - 1);
            return final_rate + (rate - final_rate) * 0.5 * (1.0 + cos_pi(x));
        }
        case RateSchedule::kAdaptive:
            return rate * state.adapted;
    }
    return rate;
}

void LearningRate::epoch_done(State& state, double mean_error) const {
    if (options_.schedule != RateSchedule::kAdaptive) return;
    const std::optional<double> last = state.last_error;
    if (last && mean_error < *last) state.adapted *= static_cast<double>(options_.rise);
    if (last && mean_error > *last) state.adapted *= static_cast<double>(options_.fall);
    state.last_error = mean_error;
}

std::string rates_text(std::span<const float> rates) {
    std::string text;
    for (std::size_t n = 0; n < rates.size(); ++n) {
        const bool last = n + 1 == rates.size();
        text += fmt::format("{}{} {} epoch {}{}", n == 0 ? "" : ", ", rates[n], last && n > 0 ? "from" : "in",
                            n + 1, last && n > 0 ? " on" : "");
    }
    return text;
}

std::optional<std::vector<float>> parse_rates(std::string_view text) {
    std::vector<float> rates;
    for (std::size_t first = 0; first <= text.size();) {
        const std::size_t comma = std::min(text.find(',', first), text.size());
        const auto rate = parse_number<float>(trimmed(text.substr(first, comma - first)));
        if (!rate || !(*rate > 0.0F)) return std::nullopt;
        rates.push_back(*rate);
        first = comma + 1;
        // "1,5" is one and a half to half the world.
        if (comma < text.size() && text.substr(first).find_first_of(" \t") != 0) return std::nullopt;
    }
    return rates;
}

}  // namespace lockstep
