// Every way of laying out the ranks on hosts that is worth trying.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/philox.h"

namespace lockstep::test {

/// Labels of the ranks' hosts: as they are (none), each rank apart, in pairs, dealt round, in halves, one
/// host of one rank and one of the rest, and at random.
inline std::vector<std::vector<std::size_t>> host_layouts(std::size_t ranks) {
    std::vector<std::vector<std::size_t>> layouts{{}};
    const auto add = [&](auto label) {
        std::vector<std::size_t> labels;
        for (std::uint32_t rank = 0; rank < ranks; ++rank) labels.push_back(label(rank));
        layouts.push_back(labels);
    };
    add([](std::uint32_t rank) { return rank; });
    add([](std::uint32_t rank) { return rank / 2; });
    add([](std::uint32_t rank) { return rank % 2; });
    add([&](std::uint32_t rank) { return rank / ((ranks + 1) / 2); });
    add([](std::uint32_t rank) { return std::min<std::uint32_t>(rank, 1); });
    for (std::uint32_t seed = 0; seed < 3; ++seed) {
        add([&](std::uint32_t rank) { return philox4x32({seed, rank, 0, 0}, {5, 6})[0] % 3; });
    }
    return layouts;
}

}  // namespace lockstep::test
