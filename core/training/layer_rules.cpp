#include "core/training/layer_rules.h"

#include <cmath>
#include <utility>

#include "core/arithmetic/elementwise.h"

namespace lockstep {

float bias_correction(float beta, std::size_t t) {
    double power = 1.0;
    double base = static_cast<double>(beta);
    for (std::size_t n = t; n > 0; n >>= 1) {
        if ((n & 1) != 0) power *= base;
        base *= base;
    }
    return static_cast<float>(1.0 / (1.0 - power));
}

Lars::Lars(OptimizerOptions options, std::size_t count)
    : options_(std::move(options)), delta_(count), block_sums_(square_blocks(count)) {}

void Lars::update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                  std::span<float> parameters) {
    const double w_norm = std::sqrt(square_sum(parameters, block_sums_));
    const double g_norm =
        std::sqrt(square_sum(gradient_sum, block_sums_)) * static_cast<double>(step.mean_factor);
    double ratio = 1.0;
    if (w_norm > 0.0 && g_norm > 0.0) {
        const double decay_norm = static_cast<double>(options_.weight_decay) * w_norm;
        ratio = static_cast<double>(options_.trust) * w_norm / (g_norm + decay_norm);
    }
    const auto rate = static_cast<float>(static_cast<double>(step.learning_rate) * ratio);
    sgd_step({.mean_factor = step.mean_factor,
              .learning_rate = rate,
              .momentum = options_.momentum,
              .l2 = options_.weight_decay},
             gradient_sum, delta_.span().subspan(first, parameters.size()), parameters);
}

Lamb::Lamb(OptimizerOptions options, std::size_t count)
    : options_(std::move(options)),
      m_(count),
      v_(count),
      direction_(count),
      block_sums_(square_blocks(count)) {}

void Lamb::update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                  std::span<float> parameters) {
    const std::size_t n = parameters.size();
    const std::span<float> direction = direction_.span().subspan(first, n);
    lamb_direction({.mean_factor = step.mean_factor,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .epsilon = options_.epsilon,
                    .correction1 = bias_correction(options_.beta1, step.number),
                    .correction2 = bias_correction(options_.beta2, step.number),
                    .weight_decay = options_.weight_decay,
                    .epsilon_inside = options_.epsilon_place == EpsilonPlace::kInside},
                   gradient_sum, parameters, m_.span().subspan(first, n), v_.span().subspan(first, n),
                   direction);
    const double w_norm = std::sqrt(square_sum(parameters, block_sums_));
    const double d_norm = std::sqrt(square_sum(direction, block_sums_));
    const double ratio = w_norm > 0.0 && d_norm > 0.0 ? w_norm / d_norm : 1.0;
    add_scaled(parameters, static_cast<float>(-static_cast<double>(step.learning_rate) * ratio), direction);
}

}  // namespace lockstep
