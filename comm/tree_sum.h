// The additions of the leaf tree over several vectors in one pass through memory.
#pragma once

#include <span>
#include <vector>

#include "core/arithmetic/compression.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

/// sum = the tree's sum of `inputs`, T being float or double; +0 without inputs. Block by block, so that the
/// sums of inner nodes stay in the cache and every input is read from memory once; shared among the rank's
/// threads; denormals flushed (ContractFloatMode). With Compression::kBf16 every addition is rounded
/// (floats).
///
/// Shapes: inputs (nodes) spans of n values, sum (n). Requires that `merges` bring all inputs together in
/// one, and that `sum` is the same memory as one of the inputs or overlaps none.
template <class T>
void sum_tree(std::span<const std::span<const T>> inputs, std::span<const Merge> merges, std::span<T> sum,
              Compression compression = Compression::kNone);

extern template void sum_tree(std::span<const std::span<const float>>, std::span<const Merge>,
                              std::span<float>, Compression);
extern template void sum_tree(std::span<const std::span<const double>>, std::span<const Merge>,
                              std::span<double>, Compression);

}  // namespace lockstep
