// Cuts values into whole blocks for the kernels, and parts of blocks, which zeros fill up: they add nothing.
#include "core/arithmetic/value_digest.h"

#include <algorithm>
#include <atomic>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

/// Number n of the sequence that SplitMix64 draws from 0.
constexpr std::uint64_t drawn(std::uint64_t n) {
    std::uint64_t z = (n + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

constexpr std::array<unsigned, kDigestBlock> kKeys = [] {
    std::array<unsigned, kDigestBlock> keys{};
    for (std::size_t i = 0; i < kDigestBlock; ++i) keys[i] = static_cast<unsigned>(drawn(i) >> 32) | 1U;
    return keys;
}();

constexpr unsigned long long factor_of(std::size_t block) { return drawn(kDigestBlock + block) | 1U; }

using Sums = std::array<unsigned long long, kDigestSums>;

/// `values` holds whole blocks, the first of which is number `block`.
void add_blocks(std::span<const float> values, std::size_t block, Sums& sums) {
    std::array<unsigned long long, 64> factors{};
    while (!values.empty()) {
        const std::size_t count = std::min(values.size() / kDigestBlock, factors.size());
        for (std::size_t b = 0; b < count; ++b) factors[b] = factor_of(block + b);
        kernels().digest({.values = values.data(),
                          .blocks = count,
                          .keys = kKeys.data(),
                          .factors = factors.data(),
                          .sums = sums.data()});
        values = values.subspan(count * kDigestBlock);
        block += count;
    }
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
