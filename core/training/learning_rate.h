// The learning rate of each step, by the step's number, the epoch, and, for one rule, the error so far.
//
// Every rate is computed in double by additions, multiplications and divisions alone, and rounded to float at
// the end: libm's functions may differ between machines.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/names.h"

namespace lockstep {

/// How the rate changes from its first value ε. t counts steps from 1, after the warm-up; n counts completed
/// epochs, warm-up included.
///   kConstant     ε, or one ε for each epoch, the last of them for all further ones
///   kSteps        ε · decay^⌊n / decay_epochs⌋
///   kExponential  ε · decay^n
///   kInverse      ε · T / (T + t − 1), T = decay_steps; with T = 1 that is ε / t
///   kCosine       final + (ε − final) · ½ (1 + cos π x), x from 0 at the first step after the warm-up to 1
///   at
///                 the run's last; 1 where these are one step, but 0 where that step is the whole run
///   kAdaptive     after an epoch · rise where its mean training error fell below the last epoch's, · fall
///                 where it rose
enum class RateSchedule { kConstant, kSteps, kExponential, kInverse, kCosine, kAdaptive };
template <>
inline constexpr std::array<std::string_view, 6> names_of<RateSchedule>{"constant", "steps",  "exponential",
                                                                        "inverse",  "cosine", "adaptive"};

struct LearningRateOptions {
    RateSchedule schedule = RateSchedule::kConstant;
    std::vector<float> rates{0.1F};  ///< by epoch; more than one only with kConstant
    float decay = 0.1F;
    std::size_t decay_epochs = 10;
    std::size_t decay_steps = 1;
    float final_rate = 0.0F;
    float rise = 1.05F;
    float fall = 0.7F;
    std::size_t warmup_steps = 0;  ///< step t of these has t / warmup_steps of the schedule's rate
};

class LearningRate {
  public:
    /// `total_steps`: of the whole run. Requires rates, and steps_per_epoch > 0.
    LearningRate(LearningRateOptions options, std::size_t steps_per_epoch, std::size_t total_steps);

    /// What kAdaptive remembers of the epochs until now; nothing else goes by it.
    struct State {
        double adapted = 1.0;  ///< the product of all rises and falls
        std::optional<double> last_error;
        bool operator==(const State&) const = default;
    };

    /// Of step `number`, counted from 1 over the whole run. For schedules other than kAdaptive any state will
    /// do.
    [[nodiscard]] float at(std::size_t number, const State& state) const;
    /// To be called once after each epoch with its mean training error. The same on every rank.
    void epoch_done(State& state, double mean_error) const;

  private:
    /// Without the warm-up's factor.
    [[nodiscard]] double scheduled(std::size_t number, const State& state) const;

    LearningRateOptions options_;
    std::size_t steps_per_epoch_;
    std::size_t total_steps_;
};

/// One or more positive numbers, separated by a comma and a blank, so that no decimal comma is taken for a
/// list; none where `text` is anything else.
std::optional<std::vector<float>> parse_rates(std::string_view text);
/// "0.1 in epoch 1, 0.05 in epoch 2, 0.01 from epoch 3 on".
std::string rates_text(std::span<const float> rates);

}  // namespace lockstep
