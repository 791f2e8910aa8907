// [optimizer] with the learning rate, and [regularisation].
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/options/config_sections.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

/// A key that only other optimizers read was meant to do something, and would not.
void refuse_keys_of_others(const ResolvedOptions& options) {
    constexpr std::string_view kSection = "optimizer.";
    const std::string& name = options.text("optimizer.name");
    for (const OptionSpec& option : option_table()) {
        if (!option.key.starts_with(kSection) || !options.given(option.key)) continue;
        const std::vector<std::string_view> owners = optimizers_that_read(option.key.substr(kSection.size()));
        if (owners.empty() || std::ranges::find(owners, name) != owners.end()) continue;
        throw UnreadKey(
            options, option.key, {"optimizer.name"},
            fmt::format("belongs to optimizer.name = {}, but {} is chosen; remove the key or choose {}",
                        fmt::join(owners, ", "), name,
                        owners.size() == 1 ? owners.front() : std::string_view("one that reads it")));
    }
}

/// The keys that a schedule reads besides learning_rate and warmup_steps.
std::vector<std::string_view> schedule_keys(RateSchedule schedule) {
    switch (schedule) {
        case RateSchedule::kConstant:
            return {};
        case RateSchedule::kSteps:
            return {"rate_decay", "rate_decay_epochs"};
        case RateSchedule::kExponential:
            return {"rate_decay"};
        case RateSchedule::kInverse:
            return {"rate_decay_steps"};
        case RateSchedule::kCosine:
            return {"rate_final"};
        case RateSchedule::kAdaptive:
            return {"rate_rise", "rate_fall"};
    }
    return {};
}

void refuse_keys_of_other_schedules(const ResolvedOptions& options, RateSchedule schedule) {
    constexpr std::array<std::string_view, 6> kKeys{"rate_decay", "rate_decay_epochs", "rate_decay_steps",
                                                    "rate_final", "rate_rise",         "rate_fall"};
    const std::vector<std::string_view> read = schedule_keys(schedule);
    for (const std::string_view word : kKeys) {
        const std::string key = fmt::format("optimizer.{}", word);
        if (!options.given(key) || std::ranges::find(read, word) != read.end()) continue;
        std::vector<std::string_view> owners;
        for (const std::string_view name : names_of<RateSchedule>) {
            const auto keys = schedule_keys(value_named<RateSchedule>(name));
            if (std::ranges::find(keys, word) != keys.end()) owners.push_back(name);
        }
        throw UnreadKey(
            options, key, {"optimizer.schedule"},
            fmt::format("belongs to optimizer.schedule = {}, but {} is chosen; remove the key or choose {}",
                        fmt::join(owners, ", "), options.text("optimizer.schedule"),
                        owners.size() == 1 ? owners.front() : std::string_view("one that reads it")));
    }
}

}  // namespace

OptimizerOptions read_optimizer(const ResolvedOptions& options) {
    refuse_keys_of_others(options);
    return {.name = options.text("optimizer.name"),
            .momentum = number<float>(options, "optimizer.momentum"),
            .rho = number<float>(options, "optimizer.rho"),
            .beta1 = number<float>(options, "optimizer.beta1"),
            .beta2 = number<float>(options, "optimizer.beta2"),
            .epsilon = number<float>(options, "optimizer.epsilon"),
            .epsilon_place = value_named<EpsilonPlace>(options.text("optimizer.epsilon_place")),
            .weight_decay = number<float>(options, "optimizer.weight_decay"),
            .trust = number<float>(options, "optimizer.trust")};
}

LearningRateOptions read_learning_rate(const ResolvedOptions& options) {
    LearningRateOptions rate{
        .schedule = value_named<RateSchedule>(options.text("optimizer.schedule")),
        .rates = parse_rates(options.text("optimizer.learning_rate")).value(),
        .decay = number<float>(options, "optimizer.rate_decay"),
        .decay_epochs = count(options, "optimizer.rate_decay_epochs"),
        .decay_steps = count(options, "optimizer.rate_decay_steps"),
        .final_rate = number<float>(options, "optimizer.rate_final"),
        .rise = number<float>(options, "optimizer.rate_rise"),
        .fall = number<float>(options, "optimizer.rate_fall"),
        .warmup_steps = count(options, "optimizer.warmup_steps"),
    };
    refuse_keys_of_other_schedules(options, rate.schedule);
    if (rate.rates.size() > 1 && rate.schedule != RateSchedule::kConstant) {
        throw ConfigError(fmt::format(
            "{}: several rates, one an epoch, go with optimizer.schedule = constant; give one, or remove {}",
            options.place("optimizer.learning_rate"), options.place("optimizer.schedule")));
    }
    return rate;
}

RegularisationOptions read_regularisation(const ResolvedOptions& options) {
    const RegularisationOptions regularisation{
        .l2 = number<float>(options, "regularisation.l2"),
        .weight_decay = number<float>(options, "regularisation.weight_decay"),
        .max_norm = number<float>(options, "regularisation.max_norm"),
        .biases = options.text("regularisation.biases") == "true"};
    refuse_without(options, "regularisation.biases", regularisation.treats_weights(),
                   "regularisation.l2 or regularisation.weight_decay",
                   {"regularisation.l2", "regularisation.weight_decay"});
    return regularisation;
}

}  // namespace lockstep
