// What gradients give up so that less of them travels between hosts. It acts on the sums of whole leaves, so
// the result is the same however the leaves lie over ranks.
#pragma once

#include <cstddef>
#include <span>

#include "core/base/names.h"

namespace lockstep {

/// What becomes of the gradients on their way up the leaf tree:
///   kNone  nothing
///   kBf16  every node's sum is rounded to bf16: half the bytes
///   kTopK  of every leaf only the largest values go up; what is kept back is added to the next step's
///          gradient (error feedback: Seide et al., Interspeech 2014; top-k: Stich et al., NeurIPS 2018)
enum class Compression { kNone, kBf16, kTopK };
template <>
inline constexpr std::array<std::string_view, 3> names_of<Compression>{"none", "bf16", "top_k"};

/// values[i] = the bf16 nearest to it, as scalar/bf16.h has it: what a leaf's sum becomes with kBf16.
void round_to_bf16(std::span<float> values);

/// into[i] = the bf16 nearest to into[i] + from[i]: one addition of the leaf tree with kBf16. Equal sizes.
void add_rounded(std::span<float> into, std::span<const float> from);

/// Values among which the largest are chosen; the last block of a run may be shorter.
inline constexpr std::size_t kKeepBlock = 1024;

/// How many of a block stay: `share` of them, rounded up, at least one. Requires 0 < share <= 1.
std::size_t kept_of(std::size_t block, double share);

/// With v = values + residual, of every block of kKeepBlock the kept_of(…) largest |v| stay in `values` (of
/// equal ones the first), a NaN before any number; the others become +0 there and stay in `residual`, which
/// is +0 where v was kept. Shapes: values, residual (n).
void keep_largest(std::span<float> values, std::span<float> residual, double share);

}  // namespace lockstep
