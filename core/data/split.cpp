#include "core/data/split.h"

#include <algorithm>
#include <numeric>

#include "core/base/number.h"
#include "core/data/permutation.h"

namespace lockstep {

std::optional<SplitShares> parse_split(std::string_view text) {
    SplitShares shares;
    if (text == "none") return shares;
    while (true) {
        const std::size_t slash = text.find('/');
        const auto share = parse_number<std::size_t>(text.substr(0, slash));
        if (!share || *share == 0 || *share > 100) return std::nullopt;
        shares.per_cent.push_back(*share);
        if (slash == std::string_view::npos) break;
        text.remove_prefix(slash + 1);
    }
    const std::size_t parts = shares.per_cent.size();
    const std::size_t sum = std::accumulate(shares.per_cent.begin(), shares.per_cent.end(), std::size_t{0});
    if (parts < 2 || parts > 3 || sum != 100) return std::nullopt;
    return shares;
}

std::vector<std::vector<std::uint64_t>> split_indices(std::size_t count, const SplitShares& shares,
                                                      std::uint64_t seed) {
    const std::vector<std::uint64_t> order = permutation(count, RandomStream(seed, RandomPurpose::kSplit), 0);
    std::vector<std::vector<std::uint64_t>> parts;
    std::size_t begin = 0;
    std::size_t sum = 0;
    for (const std::size_t share : shares.per_cent) {
        sum += share;
        const std::size_t end = (count * sum + 50) / 100;
        parts.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(begin),
                           order.begin() + static_cast<std::ptrdiff_t>(end));
        std::ranges::sort(parts.back());
        begin = end;
    }
    return parts;
}

}  // namespace lockstep
