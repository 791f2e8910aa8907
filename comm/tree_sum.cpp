#include "comm/tree_sum.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/arithmetic/bf16_rounding.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

/// Values of a block: a dozen blocks of inputs and inner sums fit the first-level cache.
constexpr std::size_t kBlock = 512;

/// sum[i] = a[i] + b[i]; `sum` may be a or b.
template <class T>
void add(const T* a, const T* b, T* sum, std::size_t count, Compression compression) {
    if constexpr (std::is_same_v<T, float>) {
        if (compression == Compression::kBf16) {
            for (std::size_t i = 0; i < count; ++i) {
                sum[i] = scalar::from_bf16(scalar::to_bf16(a[i] + b[i]));
            }
            return;
        }
    }
    for (std::size_t i = 0; i < count; ++i) sum[i] = a[i] + b[i];
}

/// Values [begin, end) of the sum. Only the last merge writes to `sum`, since that may be one of the inputs.
template <class T>
void sum_range(std::span<const std::span<const T>> inputs, std::span<const Merge> merges, T* sum,
               std::size_t begin, std::size_t end, Compression compression) {
    // Kept by each thread from one sum to the next.
    thread_local std::vector<T> inner;
    thread_local std::vector<const T*> node;  // where each node's values of the block are at present
    if (merges.size() > 1 && inner.size() < inputs.size() * kBlock) inner.resize(inputs.size() * kBlock);
    if (node.size() < inputs.size()) node.resize(inputs.size());
    for (std::size_t first = begin; first < end; first += kBlock) {
        const std::size_t count = std::min(kBlock, end - first);
        for (std::size_t i = 0; i < inputs.size(); ++i) node[i] = inputs[i].data() + first;
        for (std::size_t m = 0; m < merges.size(); ++m) {
            const auto [into, from] = merges[m];
            T* target = m + 1 == merges.size() ? sum + first : inner.data() + into * kBlock;
            add(node[into], node[from], target, count, compression);
            node[into] = target;
        }
    }
}

}  // namespace

template <class T>
void sum_tree(std::span<const std::span<const T>> inputs, std::span<const Merge> merges, std::span<T> sum,
              Compression compression) {
    if (inputs.empty()) {
        std::ranges::fill(sum, T{0});
    } else if (merges.empty()) {
        if (sum.data() != inputs[0].data()) std::ranges::copy(inputs[0], sum.begin());
    } else {
        const ContractFloatMode float_mode;
        share_range(sum.size(), kValuesPerThread, kBlock, [&](std::size_t begin, std::size_t end) {
            if (merges.size() == 1)
                return add(inputs[merges[0].into].data() + begin, inputs[merges[0].from].data() + begin,
                           sum.data() + begin, end - begin, compression);
            sum_range(inputs, merges, sum.data(), begin, end, compression);
        });
    }
}

template void sum_tree(std::span<const std::span<const float>>, std::span<const Merge>, std::span<float>,
                       Compression);
template void sum_tree(std::span<const std::span<const double>>, std::span<const Merge>, std::span<double>,
                       Compression);

}  // namespace lockstep
