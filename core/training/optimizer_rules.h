// The optimizers' rules, a row each: what a rule reads and keeps, and what it does with a slice of the
// parameters.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "core/arithmetic/optimizer/take_step.h"
#include "core/training/optimizer.h"

namespace lockstep {

/// What a rule is given for a slice of n parameters. Shapes: gradient_sum, w, each of `state` (n).
struct RuleInput {
    const OptimizerOptions& options;
    const UpdateStep& step;
    bool epsilon_inside;
    std::span<const float> gradient_sum;
    std::span<float> w;
    const StepState& state;        ///< those that the rule keeps, the others empty
    std::span<double> block_sums;  ///< scratch for square_sum, of a rule that needs whole layers
};

struct OptimizerRule {
    std::string_view name;
    std::span<const std::string_view> keys;  ///< of [optimizer], besides name and learning_rate
    std::size_t state;                       ///< values kept per parameter, 0 at first
    bool momentum_state = false;             ///< one more where momentum is not 0
    bool epsilon_inside = false;             ///< where ε stands by default
    bool needs_whole_layers = false;         ///< see Optimizer::needs_whole_layers
    void (*update)(const RuleInput& input);
};

/// All rules, in the order in which they are listed to the user.
std::span<const OptimizerRule> optimizer_rules();

}  // namespace lockstep
