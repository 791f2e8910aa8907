// A digest of values that can be put together from any pieces of them, in any order.
//
// With x_i the 32 bits of value i, k_i an odd number of 32 bits, f_b an odd number of 64, and b = i div 128,
//
//     sum_l = Σ f_b · k_(i mod 128) · x_i  mod 2^64,   over the values with (i div 2) mod 8 = l,
//
// and the digest is XXH3-128 of the eight sums, little endian. So ranks and threads each sum up what they
// have, wherever a piece begins, and the sums are added: integers, of which the order does not matter.
// Another value in one place always gives other sums, since its difference times odd numbers cannot be 0;
// several that touch one sum cancel with a probability of about 2^-32, those that touch s of them with that
// of 2^-32s. It guards against accidents, not against forgers. Keys and factors are SplitMix64's (Steele,
// Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), fixed for ever.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/digest.h"

namespace lockstep {

/// The eight sums: of no values yet.
using DigestSums = std::array<std::uint64_t, 8>;

/// Adds values number first, first + 1, … to the sums. Cost: as fast as memory of the third level is read;
/// the pool's threads share it.
void add_to_digest(std::span<const float> values, std::size_t first, DigestSums& sums);

/// The digest of all that was added.
Digest128 digest_of(const DigestSums& sums);

}  // namespace lockstep
