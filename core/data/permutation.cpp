#include "core/data/permutation.h"

#include <numeric>
#include <utility>

namespace lockstep {

namespace {

__extension__ using Wide = unsigned __int128;  // a 64 x 64 bit product; ISO C++ has no name for it

}  // namespace

std::uint64_t draw_below(std::uint64_t bound, const PhiloxCounter& words) {
    const std::uint64_t word = std::uint64_t{words[1]} << 32 | words[0];
    return static_cast<std::uint64_t>((Wide{word} * bound) >> 64);
}

std::vector<std::uint64_t> permutation(std::size_t count, const RandomStream& random, std::uint32_t minor) {
    std::vector<std::uint64_t> order(count);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    for (std::size_t i = count; i-- > 1;)
        std::swap(order[i], order[draw_below(i + 1, random.block(i, minor))]);
    return order;
}

}  // namespace lockstep
