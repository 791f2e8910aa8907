// Random numbers and orders of samples, without a generator's state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/philox.h"

namespace lockstep {

/// Maps a random block to [0, bound): the upper half of a product with 64 of its bits, with no loop and so
/// one draw for every bound. Its bias is below bound / 2^64.
std::uint64_t draw_below(std::uint64_t bound, const PhiloxCounter& words);

/// The numbers 0 … count − 1 in an order that is a function of the arguments alone.
/// Fisher-Yates from the last position down; position i takes one of [0, i] by 64 bits of the Philox block of
/// (i, minor). Cost: O(count), about 1 ms for 60 000.
std::vector<std::uint64_t> permutation(std::size_t count, const RandomStream& random, std::uint32_t minor);

}  // namespace lockstep
