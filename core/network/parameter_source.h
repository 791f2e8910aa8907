// Where a pass over the network finds the layers' parameters.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "core/network/parameter_layout.h"

namespace lockstep {

/// Gives a layer's parameters to those who read them layer by layer, in ascending or in descending order.
class ParameterSource {
  public:
    virtual ~ParameterSource() = default;
    ParameterSource() = default;
    ParameterSource(const ParameterSource&) = delete;
    ParameterSource& operator=(const ParameterSource&) = delete;

    /// The layer's run of the arena, to be read until the next call. `next`: the layer that will be asked for
    /// next, so that it can be fetched meanwhile; none at a pass's end. May be collective: then all ranks ask
    /// for the same layers in the same order. Layers without parameters are not asked for.
    virtual std::span<const float> layer(std::size_t layer, std::optional<std::size_t> next) = 0;
};

/// Parameters that all lie in one arena. `layout` and the arena's memory must outlive it.
class WholeArena : public ParameterSource {
  public:
    WholeArena(const ParameterLayout& layout, std::span<const float> arena)
        : layout_(layout), arena_(arena) {}
    std::span<const float> layer(std::size_t layer, std::optional<std::size_t> /*next*/) override {
        const ArenaRange range = layout_.layer_range(layer);
        return arena_.subspan(range.first, range.count);
    }

  private:
    const ParameterLayout& layout_;
    std::span<const float> arena_;
};

/// Calls visit(l, the layer's run) for all layers in their order, with the next one being fetched meanwhile.
/// A layer without parameters has an empty run, which the source is not asked for.
template <class Visit>
void for_each_layer(ParameterSource& source, const ParameterLayout& layout, const Visit& visit) {
    const std::size_t count = layout.layer_count();
    const auto with_parameters = [&](std::size_t l) {
        while (l < count && layout.layer_range(l).count == 0) ++l;
        return l;
    };
    std::size_t next = with_parameters(0);
    for (std::size_t l = 0; l < count; ++l) {
        if (l < next) {
            visit(l, std::span<const float>());
            continue;
        }
        next = with_parameters(l + 1);
        visit(l, source.layer(l, next < count ? std::optional(next) : std::nullopt));
    }
}

}  // namespace lockstep
