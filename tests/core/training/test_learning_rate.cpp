// The learning rate's schedules against their formulas in long double.
#include "core/training/learning_rate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/arithmetic/cosine.h"

using namespace lockstep;

namespace {

constexpr std::size_t kStepsPerEpoch = 4;
constexpr std::size_t kSteps = 40;
constexpr float kRate = 0.3F;

LearningRate rate_of(LearningRateOptions options) {
    if (options.rates.size() == 1) options.rates = {kRate};
    return {std::move(options), kStepsPerEpoch, kSteps};
}

/// Every step's rate must be `expected(step)` to the last bit but one of a float.
template <class Expected>
void check_rates(const LearningRate& rate, const Expected& expected) {
    for (std::size_t step = 1; step <= kSteps; ++step) {
        CAPTURE(step);
        const auto value = static_cast<double>(expected(step));
        CHECK(std::fabs(static_cast<double>(rate.at(step, {})) - value) <= 0x1p-23 * value);
    }
}

}  // namespace

TEST_CASE("learning rate: a constant is exactly what was given, a list one rate an epoch") {
    for (std::size_t step = 1; step <= kSteps; ++step) CHECK(rate_of({}).at(step, {}) == kRate);
    const LearningRate list = rate_of({.rates = {0.5F, 0.25F, 0.1F}});
    check_rates(list, [](std::size_t step) { return step <= 4 ? 0.5F : step <= 8 ? 0.25F : 0.1F; });
}

TEST_CASE("learning rate: steps, exponential and 1/t") {
    check_rates(rate_of({.schedule = RateSchedule::kSteps, .decay = 0.5F, .decay_epochs = 3}),
                [](std::size_t step) { return kRate * std::pow(0.5L, (step - 1) / 4 / 3); });
    check_rates(rate_of({.schedule = RateSchedule::kExponential, .decay = 0.9F}), [](std::size_t step) {
        return kRate * std::pow(static_cast<long double>(0.9F), (step - 1) / 4);
    });
    check_rates(rate_of({.schedule = RateSchedule::kInverse}),
                [](std::size_t step) { return kRate / static_cast<long double>(step); });
    check_rates(rate_of({.schedule = RateSchedule::kInverse, .decay_steps = 10}),
                [](std::size_t step) { return kRate * 10 / static_cast<long double>(9 + step); });
}

TEST_CASE("learning rate: half a cosine from the first step to the last, behind a linear warm-up") {
    const long double pi = std::acos(-1.0L);
    const LearningRateOptions cosine{.schedule = RateSchedule::kCosine, .final_rate = 0.01F};
    const auto at = [&](long double x) { return 0.01F + (kRate - 0.01F) * 0.5L * (1 + std::cos(pi * x)); };
    check_rates(rate_of(cosine), [&](std::size_t step) { return at((step - 1.0L) / 39); });
    CHECK(rate_of(cosine).at(1, {}) == kRate);
    CHECK(rate_of(cosine).at(kSteps, {}) == 0.01F);
    LearningRateOptions warm = cosine;
    warm.warmup_steps = 8;
    check_rates(rate_of(warm), [&](std::size_t step) {
        return step <= 8 ? kRate * static_cast<long double>(step) / 8 : at((step - 9.0L) / 31);
    });
}

TEST_CASE("learning rate: cos_pi is the cosine, and the warm-up longer than the run does no harm") {
    for (int i = 0; i <= 1000; ++i) {
        const double x = i / 1000.0;
        CHECK(std::fabs(cos_pi(x) - static_cast<double>(std::cos(std::acos(-1.0L) * x))) < 4e-16);
    }
    CHECK(rate_of({.schedule = RateSchedule::kCosine}).at(kSteps, {}) == 0.0F);
    CHECK(rate_of({.schedule = RateSchedule::kCosine, .warmup_steps = kSteps - 1}).at(kSteps, {}) == 0.0F);
    CHECK(rate_of({.schedule = RateSchedule::kCosine, .warmup_steps = kSteps}).at(kSteps, {}) == kRate);
    const LearningRate rate = rate_of({.schedule = RateSchedule::kCosine, .warmup_steps = 80});
    CHECK(rate.at(kSteps, {}) == kRate / 2);
}

TEST_CASE("learning rate: the adaptive rule goes up where the error falls and down where it rises") {
    const LearningRate rate = rate_of({.schedule = RateSchedule::kAdaptive, .rise = 1.5F, .fall = 0.5F});
    LearningRate::State state;
    rate.epoch_done(state, 1.0);  // nothing to compare with
    CHECK(rate.at(5, state) == kRate);
    rate.epoch_done(state, 0.5);
    CHECK(rate.at(9, state) == static_cast<float>(double{kRate} * 1.5));
    rate.epoch_done(state, 0.5);  // neither
    rate.epoch_done(state, 0.6);
    CHECK(rate.at(17, state) == static_cast<float>(double{kRate} * 0.75));
    const LearningRate constant = rate_of({});
    state = {};
    constant.epoch_done(state, 1.0);
    constant.epoch_done(state, 0.5);
    CHECK(constant.at(9, state) == kRate);
}

TEST_CASE("learning rate: several rates in words say the epochs they are for") {
    CHECK(rates_text(std::vector<float>{1.0F, 0.5F, 0.1F}) ==
          "1 in epoch 1, 0.5 in epoch 2, 0.1 from epoch 3 on");
}

TEST_CASE("learning rate: lists are read strictly") {
    CHECK(parse_rates("0.5").value() == std::vector<float>{0.5F});
    CHECK(parse_rates("0.5, 1e-3 , 2").value() == std::vector<float>{0.5F, 1e-3F, 2.0F});
    for (const char* text :
         {"", ",", "0.5,", "0", "0.1,-1", "0.1 0.2", "fast", "0.1,nan", "1,5", "0.5,0.1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_rates(text).has_value());
    }
}
