#include "core/data/permutation.h"

#include <numeric>
#include <utility>

namespace lockstep {

namespace {

__extension__ using Wide = unsigned __int128;  // a 64 x 64 bit product; ISO C++ has no name for it

/// Maps a random block to [0, bound): the upper half of the product, with no loop and so one draw for every
/// bound. Its bias is below bound / 2^64.
std::uint64_t bounded(const PhiloxCounter& words, std::uint64_t bound) {
    const std::uint64_t word = std::uint64_t{words[1]} << 32 | words[0];
    return static_cast<std::uint64_t>((Wide{word} * bound) >> 64);
}

}  // namespace

std::vector<std::uint64_t> permutation(std::size_t count, const RandomStream& random, std::uint32_t minor) {
    std::vector<std::uint64_t> order(count);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    for (std::size_t i = count; i-- > 1;) std::swap(order[i], order[bounded(random.block(i, minor), i + 1)]);
    return order;
}

}  // namespace lockstep
