#include "core/training/regularisation.h"

#include <algorithm>

#include "core/arithmetic/column_norm.h"
#include "core/arithmetic/elementwise.h"

namespace lockstep {

Regulariser::Regulariser(RegularisationOptions options, const ParameterLayout& layout) : options_(options) {
    for (const ParameterBlock& block : layout.blocks()) {
        const bool weight = block.role == ParameterRole::kWeight;
        if (weight) weights_.push_back(block);
        if (weight || (options.biases && block.role == ParameterRole::kBias)) decaying_.push_back(block);
    }
}

void Regulariser::update(Optimizer& optimizer, UpdateStep step, std::size_t begin, std::size_t first,
                         std::span<const float> gradient_sum, std::span<float> parameters) const {
    if (!options_.treats_weights()) return optimizer.update(step, first, gradient_sum, parameters);
    const auto run = [&](std::size_t from, std::size_t to, bool decays) {
        if (from == to) return;
        step.l2 = decays ? options_.l2 : 0.0F;
        const std::span<float> values = parameters.subspan(from - begin, to - from);
        optimizer.update(step, first + from - begin, gradient_sum.subspan(from - begin, to - from), values);
        if (decays && options_.weight_decay != 0.0F) scale_values(values, 1.0F - options_.weight_decay);
    };
    const std::size_t end = begin + parameters.size();
    std::size_t done = begin;
    const auto ends_before = [&](const ParameterBlock& b) { return b.offset + b.count() <= begin; };
    for (auto block = std::ranges::partition_point(decaying_, ends_before); block != decaying_.end();
         ++block) {
        if (block->offset >= end) break;
        const std::size_t from = std::clamp(block->offset, done, end);
        const std::size_t to = std::clamp(block->offset + block->count(), from, end);
        run(done, from, false);
        run(from, to, true);
        done = to;
    }
    run(done, end, false);
}

void Regulariser::limit_norms(std::size_t layer, std::span<float> arena) const {
    if (options_.max_norm == 0.0F) return;
    auto block = std::ranges::lower_bound(weights_, layer, {}, &ParameterBlock::layer);
    for (; block != weights_.end() && block->layer == layer; ++block)
        limit_column_norms(block->in(arena), options_.max_norm);
}

}  // namespace lockstep
