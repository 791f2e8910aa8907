// The state of a rule, and what can be asked of the table of rules.
#include "core/training/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/arithmetic/elementwise.h"
#include "core/base/error.h"
#include "core/base/spelling.h"
#include "core/training/optimizer_rules.h"

namespace lockstep {

namespace {

/// The row of `name`, or null.
const OptimizerRule* find_rule(std::string_view name) {
    const auto rule = std::ranges::find(optimizer_rules(), name, &OptimizerRule::name);
    return rule == optimizer_rules().end() ? nullptr : &*rule;
}

bool reads(const OptimizerRule& rule, std::string_view key) {
    return std::ranges::find(rule.keys, key) != rule.keys.end();
}

template <class Wanted>
std::vector<std::string_view> names_where(const Wanted& wanted) {
    std::vector<std::string_view> names;
    for (const OptimizerRule& rule : optimizer_rules()) {
        if (wanted(rule)) names.push_back(rule.name);
    }
    return names;
}

std::size_t arrays_of(const OptimizerRule& rule, const OptimizerOptions& options) {
    return rule.state + (rule.momentum_state && options.momentum != 0.0F ? 1 : 0);
}

}  // namespace

Optimizer::Optimizer(const OptimizerRule& rule, OptimizerOptions options, std::size_t count)
    : rule_(&rule),
      options_(std::move(options)),
      block_sums_(rule.needs_whole_layers ? square_blocks(count) : 0) {
    for (std::size_t k = 0; k < arrays_of(rule, options_); ++k) state_.emplace_back(count);
}

std::size_t Optimizer::state_per_parameter() const { return state_.size(); }

bool Optimizer::needs_whole_layers() const { return rule_->needs_whole_layers; }

void Optimizer::update(const UpdateStep& step, std::size_t first, std::span<const float> gradient_sum,
                       std::span<float> parameters) {
    StepState state{};
    for (std::size_t k = 0; k < state_.size(); ++k) {
        state[k] = state_[k].span().subspan(first, parameters.size());
    }
    const bool inside = options_.epsilon_place == EpsilonPlace::kDefault
                            ? rule_->epsilon_inside
                            : options_.epsilon_place == EpsilonPlace::kInside;
    rule_->update({.options = options_,
                   .step = step,
                   .epsilon_inside = inside,
                   .gradient_sum = gradient_sum,
                   .w = parameters,
                   .state = state,
                   .block_sums = block_sums_});
}

std::span<const std::string_view> optimizer_names() {
    static const std::vector<std::string_view> names = names_where([](const OptimizerRule&) { return true; });
    return names;
}

std::span<const std::string_view> optimizer_keys(std::string_view name) { return find_rule(name)->keys; }

std::vector<std::string_view> optimizers_that_read(std::string_view key) {
    return names_where([&](const OptimizerRule& rule) { return reads(rule, key); });
}

std::vector<std::string_view> optimizers_with_epsilon(EpsilonPlace place) {
    return names_where([&](const OptimizerRule& rule) {
        return reads(rule, "epsilon_place") && rule.epsilon_inside == (place == EpsilonPlace::kInside);
    });
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, std::size_t count) {
    if (const OptimizerRule* rule = find_rule(options.name)) {
        return std::make_unique<Optimizer>(*rule, options, count);
    }
    throw ConfigError(fmt::format("'{}' is not an optimizer{}; valid: {}", options.name,
                                  did_you_mean(options.name, optimizer_names()),
                                  fmt::join(optimizer_names(), ", ")));
}

}  // namespace lockstep
