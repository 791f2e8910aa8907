// The leaf tree as the scalar kernels walk it, by recursion.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/base/leaf_tree.h"

namespace lockstep::scalar {

/// The sum of one leaf, given its samples [begin, end); sum(begin, end, leaf_sum) over the node of leaves
/// `node`.
template <class LeafSum>
float node_sum(LeafRange node, std::size_t leaf, std::size_t samples, const LeafSum& leaf_sum) {
    if (node.count() == 1) return leaf_sum(node.begin * leaf, std::min(samples, node.end * leaf));
    const std::size_t middle = node.begin + split_point(node.count());
    const float left = node_sum({node.begin, middle}, leaf, samples, leaf_sum);
    const float right = node_sum({middle, node.end}, leaf, samples, leaf_sum);
    return left + right;
}

}  // namespace lockstep::scalar
