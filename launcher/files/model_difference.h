// Where two models differ, bit by bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "launcher/files/model_file.h"

namespace lockstep {

/// The first value that differs, in the order of the blocks, and how many do.
struct ModelDifference {
    std::string block;  ///< "layer0.weight"
    std::size_t layer = 0;
    std::size_t row = 0;
    std::size_t col = 0;
    float a = 0.0F;
    float b = 0.0F;
    std::optional<std::uint64_t> ulps = {};  ///< floats between the two, plus one; none where one is a NaN
    std::size_t different_count = 0;         ///< over all blocks
    std::size_t value_count = 0;
    std::optional<std::uint64_t> most_ulps = {};  ///< over all differing values that are numbers
};

/// Floats apart: 0 for equal bits and for +0 and −0, 1 for neighbours, none where one is a NaN.
std::optional<std::uint64_t> ulps_between(float a, float b);

/// Nothing where all parameters have equal bits. Requires equal layouts.
std::optional<ModelDifference> first_difference(const Model& a, const Model& b);

/// The same of two arenas. Shapes: a, b (layout.arena_size()).
std::optional<ModelDifference> first_difference(const ParameterLayout& layout, std::span<const float> a,
                                                std::span<const float> b);

/// The layer without what concerns its training alone: first values and dropout.
LayerSpec computed(LayerSpec layer);

/// "" where the networks are the same, else what differs: "layer 1: dense units=10 … against dense units=11
/// …".
std::string network_difference(const NetworkSpec& a, const NetworkSpec& b);

}  // namespace lockstep
