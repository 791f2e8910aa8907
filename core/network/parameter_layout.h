// Where each layer's parameters lie in the flat arena that holds them all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/base/matrix.h"

namespace lockstep {

/// What a block's values do, for those who treat them differently.
enum class ParameterRole {
    kWeight,  ///< (inputs, neurons): column j holds what enters neuron j; decays and has a norm to bound
    kBias,    ///< (1, neurons): decays where the configuration wants it
    kOther,   ///< centres and the like, which are left alone
};

/// One named matrix of parameters: (rows, cols) row-major at `offset` floats from the arena's start.
struct ParameterBlock {
    std::string name;  ///< "layer0.weight"
    std::size_t layer = 0;
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::size_t offset = 0;  ///< a multiple of 16 floats: every block starts on a cache line
    ParameterRole role = ParameterRole::kWeight;

    [[nodiscard]] std::size_t count() const { return rows * cols; }
    /// This block's view of an arena (of parameters, gradients, or optimizer state).
    [[nodiscard]] Matrix in(std::span<float> arena) const { return {arena.data() + offset, rows, cols}; }
    [[nodiscard]] ConstMatrix in(std::span<const float> arena) const {
        return {arena.data() + offset, rows, cols};
    }
    [[nodiscard]] std::span<float> values(std::span<float> arena) const {
        return arena.subspan(offset, count());
    }
    [[nodiscard]] std::span<const float> values(std::span<const float> arena) const {
        return arena.subspan(offset, count());
    }
};

/// A run of an arena: what a layer's gradients or a bucket occupy.
struct ArenaRange {
    std::size_t first = 0;
    std::size_t count = 0;
    bool operator==(const ArenaRange&) const = default;
};

/// The blocks of all layers, first layer first. The gaps between blocks hold zeros and stay zero.
class ParameterLayout {
  public:
    /// Appends a block behind the others; its layer is the last one's or a later one. Throws ConfigError
    /// where the arena would not fit the address space.
    void append(std::string name, std::size_t layer, std::size_t rows, std::size_t cols,
                ParameterRole role = ParameterRole::kWeight);
    /// Counts a layer in, whether or not it has blocks.
    void count_layer(std::size_t layer) { layer_count_ = std::max(layer_count_, layer + 1); }

    [[nodiscard]] const std::vector<ParameterBlock>& blocks() const { return blocks_; }
    /// Those of one layer; none for a layer without parameters.
    [[nodiscard]] std::span<const ParameterBlock> blocks_of(std::size_t layer) const;
    /// Floats of the arena, the gaps included.
    [[nodiscard]] std::size_t arena_size() const { return arena_size_; }
    /// Parameters, the gaps not included.
    [[nodiscard]] std::size_t parameter_count() const;
    [[nodiscard]] std::size_t layer_count() const { return layer_count_; }
    /// The run of the arena that a layer's blocks occupy; empty for a layer without parameters.
    [[nodiscard]] ArenaRange layer_range(std::size_t layer) const;
    /// The layer whose run holds that element. Requires element < arena_size(). Cost: a binary search.
    [[nodiscard]] std::size_t layer_of(std::size_t element) const;

  private:
    std::vector<ParameterBlock> blocks_;
    std::vector<std::size_t> first_block_;  // (layers) of each layer, or, where it has none, of the next
    std::size_t arena_size_ = 0;
    std::size_t layer_count_ = 0;
};

}  // namespace lockstep
