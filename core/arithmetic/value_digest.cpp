// Cuts values into whole blocks for the kernels, and parts of blocks, which zeros fill up: they add nothing.
#include "core/arithmetic/value_digest.h"

#include <algorithm>
#include <atomic>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

constexpr std::array<unsigned, kDigestBlock> kKeys = [] {
    std::array<unsigned, kDigestBlock> keys{};
    for (std::size_t i = 0; i < kDigestBlock; ++i) keys[i] = static_cast<unsigned>(split_mix(i) >> 32) | 1U;
    return keys;
}();

using Sums = std::array<unsigned long long, kDigestSums>;

/// `values` holds whole blocks, the first of which is number `block`.
void add_blocks(std::span<const float> values, std::size_t block, Sums& sums) {
    kernels().digest({.values = values.data(),
                      .blocks = values.size() / kDigestBlock,
                      .first_block = block,
                      .keys = kKeys.data(),
                      .sums = sums.data()});
}

/// `values` lie in one block, from place `first` of all values on.
void add_part(std::span<const float> values, std::size_t first, Sums& sums) {
    std::array<float, kDigestBlock> block{};
    std::ranges::copy(values, block.begin() + static_cast<std::ptrdiff_t>(first % kDigestBlock));
    add_blocks(block, first / kDigestBlock, sums);
}

}  // namespace

void add_to_digest(std::span<const float> values, std::size_t first, DigestSums& sums) {
    Sums all{};
    const std::size_t to_border = (kDigestBlock - first % kDigestBlock) % kDigestBlock;
    if (const std::size_t head = std::min(to_border, values.size()); head > 0) {
        add_part(values.first(head), first, all);
        values = values.subspan(head);
        first += head;
    }
    const std::size_t whole = values.size() / kDigestBlock * kDigestBlock;
    share_range(whole, kValuesPerThread, kDigestBlock, [&](std::size_t begin, std::size_t end) {
        Sums own{};
        add_blocks(values.subspan(begin, end - begin), (first + begin) / kDigestBlock, own);
        for (std::size_t l = 0; l < kDigestSums; ++l) {
            std::atomic_ref(all[l]).fetch_add(own[l], std::memory_order_relaxed);
        }
    });
    if (whole < values.size()) add_part(values.subspan(whole), first + whole, all);
    for (std::size_t l = 0; l < kDigestSums; ++l) sums[l] += all[l];
}

Digest128 digest_of(const DigestSums& sums) { return digest_of(std::span<const std::uint64_t>(sums)); }

}  // namespace lockstep
