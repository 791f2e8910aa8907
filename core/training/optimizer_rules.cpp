// How each rule fills in its step (arithmetic/optimizer/steps.h has the formulas), and the table of them.
//
// The rules that scale a layer's step by the layer's norms are for large batches. A norm is √ of square_sum
// (elementwise.h), in double, over all that the layer holds, weights and biases: it depends on the values
// alone, not on ranks or threads.
#include "core/training/optimizer_rules.h"

#include <cmath>

#include "core/arithmetic/elementwise.h"
#include "core/base/power.h"

namespace lockstep {

namespace {

using Keys = std::string_view;

/// 1 / (1 − beta^t).
float bias_correction(float beta, std::size_t t) {
    return static_cast<float>(1.0 / (1.0 - power(static_cast<double>(beta), t)));
}

double norm(std::span<const float> values, std::span<double> block_sums) {
    return std::sqrt(square_sum(values, block_sums));
}

constexpr Keys kMomentum[] = {"momentum"};

void momentum_step(const RuleInput& in, bool nesterov) {
    take_step(SgdStep{.mean_factor = in.step.mean_factor,
                      .learning_rate = in.step.learning_rate,
                      .momentum = in.options.momentum,
                      .l2 = in.step.l2,
                      .nesterov = nesterov},
              in.gradient_sum, in.w, in.state);
}
void sgd(const RuleInput& in) { momentum_step(in, false); }
void nesterov(const RuleInput& in) { momentum_step(in, true); }

constexpr Keys kAdagrad[] = {"epsilon", "epsilon_place"};
constexpr Keys kRmsprop[] = {"rho", "momentum", "epsilon", "epsilon_place"};

void adaptive(const RuleInput& in, float keep, float gain, float momentum) {
    take_step(AdaptiveStep{.mean_factor = in.step.mean_factor,
                           .learning_rate = in.step.learning_rate,
                           .keep = keep,
                           .gain = gain,
                           .epsilon = in.options.epsilon,
                           .epsilon_inside = in.epsilon_inside,
                           .momentum = momentum,
                           .l2 = in.step.l2},
              in.gradient_sum, in.w, in.state);
}
void adagrad(const RuleInput& in) { adaptive(in, 1.0F, 1.0F, 0.0F); }
void rmsprop(const RuleInput& in) {
    adaptive(in, in.options.rho, 1.0F - in.options.rho, in.options.momentum);
}

constexpr Keys kAdadelta[] = {"rho", "epsilon"};

void adadelta(const RuleInput& in) {
    take_step(AdadeltaStep{.mean_factor = in.step.mean_factor,
                           .learning_rate = in.step.learning_rate,
                           .rho = in.options.rho,
                           .epsilon = in.options.epsilon,
                           .l2 = in.step.l2},
              in.gradient_sum, in.w, in.state);
}

constexpr Keys kAdam[] = {"beta1", "beta2", "epsilon", "epsilon_place"};
constexpr Keys kAdamDecay[] = {"beta1", "beta2", "epsilon", "epsilon_place", "weight_decay"};

void adam_step(const RuleInput& in, float weight_decay) {
    take_step(AdamStep{.mean_factor = in.step.mean_factor,
                       .learning_rate = in.step.learning_rate,
                       .beta1 = in.options.beta1,
                       .beta2 = in.options.beta2,
                       .epsilon = in.options.epsilon,
                       .correction1 = bias_correction(in.options.beta1, in.step.number),
                       .correction2 = bias_correction(in.options.beta2, in.step.number),
                       .shrink = 1.0F - in.step.learning_rate * weight_decay,
                       .epsilon_inside = in.epsilon_inside,
                       .l2 = in.step.l2},
              in.gradient_sum, in.w, in.state);
}
void adam(const RuleInput& in) { adam_step(in, 0.0F); }
void adamw(const RuleInput& in) { adam_step(in, in.options.weight_decay); }

constexpr Keys kLars[] = {"momentum", "weight_decay", "trust"};

/// LARS (You, Gitman, Ginsburg, 2017, algorithm 1), with g the mean gradient and λ the weight decay:
///   trust ratio = trust · ‖w‖ / (‖g‖ + λ ‖w‖), or 1 where either norm is 0
///   Δ = momentum · Δ − learning_rate · trust ratio · (g + λ w),  w = w + Δ
void lars(const RuleInput& in) {
    const double w_norm = norm(in.w, in.block_sums);
    const double g_norm = norm(in.gradient_sum, in.block_sums) * static_cast<double>(in.step.mean_factor);
    double ratio = 1.0;
    if (w_norm > 0.0 && g_norm > 0.0) {
        const double decay_norm = static_cast<double>(in.options.weight_decay) * w_norm;
        ratio = static_cast<double>(in.options.trust) * w_norm / (g_norm + decay_norm);
    }
    take_step(SgdStep{.mean_factor = in.step.mean_factor,
                      .learning_rate = static_cast<float>(static_cast<double>(in.step.learning_rate) * ratio),
                      .momentum = in.options.momentum,
                      .l2 = in.options.weight_decay},
              in.gradient_sum, in.w, in.state);
}

/// LAMB (You et al., ICLR 2020, algorithm 2, φ the identity): d as LambDirection gives it,
///   w = w − learning_rate · ‖w‖ / ‖d‖ · d, the ratio 1 where either norm is 0
/// Its state is the two moments, and d, which waits for its norm.
void lamb(const RuleInput& in) {
    take_step(LambDirection{.mean_factor = in.step.mean_factor,
                            .beta1 = in.options.beta1,
                            .beta2 = in.options.beta2,
                            .epsilon = in.options.epsilon,
                            .correction1 = bias_correction(in.options.beta1, in.step.number),
                            .correction2 = bias_correction(in.options.beta2, in.step.number),
                            .weight_decay = in.options.weight_decay,
                            .epsilon_inside = in.epsilon_inside},
              in.gradient_sum, in.w, in.state);
    const std::span<const float> direction = in.state[2];
    const double w_norm = norm(in.w, in.block_sums);
    const double d_norm = norm(direction, in.block_sums);
    const double ratio = w_norm > 0.0 && d_norm > 0.0 ? w_norm / d_norm : 1.0;
    add_scaled(in.w, static_cast<float>(-static_cast<double>(in.step.learning_rate) * ratio), direction);
}

constexpr OptimizerRule kRules[] = {
    {.name = "sgd", .keys = kMomentum, .state = 1, .update = sgd},
    {.name = "nesterov", .keys = kMomentum, .state = 1, .update = nesterov},
    {.name = "adagrad", .keys = kAdagrad, .state = 1, .epsilon_inside = true, .update = adagrad},
    {.name = "rmsprop",
     .keys = kRmsprop,
     .state = 1,
     .momentum_state = true,
     .epsilon_inside = true,
     .update = rmsprop},
    {.name = "adadelta", .keys = kAdadelta, .state = 2, .epsilon_inside = true, .update = adadelta},
    {.name = "adam", .keys = kAdam, .state = 2, .update = adam},
    {.name = "adamw", .keys = kAdamDecay, .state = 2, .update = adamw},
    {.name = "lars", .keys = kLars, .state = 1, .needs_whole_layers = true, .update = lars},
    {.name = "lamb", .keys = kAdamDecay, .state = 3, .needs_whole_layers = true, .update = lamb},
};

}  // namespace

std::span<const OptimizerRule> optimizer_rules() { return kRules; }

}  // namespace lockstep
