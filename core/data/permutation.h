// Random orders of samples, without a generator's state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/arithmetic/philox.h"

namespace lockstep {

/// The numbers 0 … count − 1 in an order that is a function of the arguments alone.
/// Fisher-Yates from the last position down; position i takes one of [0, i] by 64 bits of the Philox block of
/// (i, minor). Cost: O(count), about 1 ms for 60 000.
std::vector<std::uint64_t> permutation(std::size_t count, const RandomStream& random, std::uint32_t minor);

}  // namespace lockstep
