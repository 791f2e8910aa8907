// An optimizer and the regularisation around it, at one step; and when a layer has all its new parameters.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/network/parameter_layout.h"
#include "core/training/optimizer.h"
#include "core/training/regularisation.h"

namespace lockstep {

class UpdateRule {
  public:
    /// `count`: parameters that this rank updates.
    UpdateRule(const OptimizerOptions& optimizer, const RegularisationOptions& regularisation,
               const ParameterLayout& layout, std::size_t count)
        : optimizer_(make_optimizer(optimizer, count)), regulariser_(regularisation, layout) {}

    void begin(const UpdateStep& step) { step_ = step; }
    /// Elements [begin, begin + n) of the arena, whose state are elements [first, first + n). Shapes: sums,
    /// parameters (n).
    void update(std::size_t begin, std::size_t first, std::span<const float> sums,
                std::span<float> parameters) {
        regulariser_.update(*optimizer_, step_, begin, first, sums, parameters);
    }
    /// A whole layer's, for rules that need them.
    void update_layer(ArenaRange layer, std::span<const float> sums, std::span<float> arena) {
        optimizer_->update(step_, layer.first, sums.subspan(layer.first, layer.count),
                           arena.subspan(layer.first, layer.count));
    }
    void limit_norms(std::size_t layer, std::span<float> arena) const {
        regulariser_.limit_norms(layer, arena);
    }
    [[nodiscard]] bool needs_whole_layers() const { return optimizer_->needs_whole_layers(); }
    [[nodiscard]] Optimizer& optimizer() { return *optimizer_; }

  private:
    std::unique_ptr<Optimizer> optimizer_;
    Regulariser regulariser_;
    UpdateStep step_;  // at hand
};

/// Counts the parameters of each layer that a step has not yet made new.
class LayerCompletion {
  public:
    /// `layout` must outlive it.
    explicit LayerCompletion(const ParameterLayout& layout) : layout_(layout) {
        for (std::size_t l = 0; l < layout.layer_count(); ++l) {
            missing_.push_back(layout.layer_range(l).count);
        }
    }

    /// `range` is new: calls complete(layer, its range) for every layer that is complete by this, for the
    /// next step all are missing again.
    template <class Complete>
    void add(ArenaRange range, const Complete& complete) {
        if (range.count == 0) return;
        const std::size_t last = layout_.layer_of(range.first + range.count - 1);
        for (std::size_t l = layout_.layer_of(range.first); l <= last; ++l) {
            const ArenaRange layer = layout_.layer_range(l);
            const std::size_t begin = std::max(layer.first, range.first);
            const std::size_t end = std::min(layer.first + layer.count, range.first + range.count);
            if (begin >= end) continue;
            missing_[l] -= end - begin;
            if (missing_[l] > 0) continue;
            missing_[l] = layer.count;
            complete(l, layer);
        }
    }

  private:
    const ParameterLayout& layout_;
    std::vector<std::size_t> missing_;  // (layers)
};

}  // namespace lockstep
