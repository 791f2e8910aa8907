// A gradient summed over samples as the arithmetic contract has it, for layers that bring no kernel of their
// own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "core/arithmetic/elementwise.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

/// gradient = the leaf tree's sum over the samples [first, end), where add_sample(s, sum) adds sample s to
/// the sum of its leaf: one chain from +0 within a leaf, and the leaves added by the tree of leaf_tree.h. It
/// is what Layer::parameter_gradient promises. Allocates a sum for each level of the tree.
template <class AddSample>
void sum_over_leaves(std::size_t first, std::size_t end, std::size_t leaf, std::span<float> gradient,
                     const AddSample& add_sample) {
    std::ranges::fill(gradient, 0.0F);
    const std::size_t leaves = leaf_count(end - first, leaf);
    if (leaves <= 1) {
        for (std::size_t s = first; s < end; ++s) add_sample(s, gradient);
        return;
    }
    const std::size_t middle = first + split_point(leaves) * leaf;
    std::vector<float> right(gradient.size());
    sum_over_leaves(first, middle, leaf, gradient, add_sample);
    sum_over_leaves(middle, end, leaf, std::span(right), add_sample);
    add_values(gradient, right);
}

}  // namespace lockstep
