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
    /// for the same layers in the same order.
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

/// Calls visit(l, the layer's run) for the layers 0 to count - 1, with the next one being fetched meanwhile.
template <class Visit>
void for_each_layer(ParameterSource& source, std::size_t count, const Visit& visit) {
    for (std::size_t l = 0; l < count; ++l) {
        visit(l, source.layer(l, l + 1 < count ? std::optional(l + 1) : std::nullopt));
    }
}

}  // namespace lockstep
