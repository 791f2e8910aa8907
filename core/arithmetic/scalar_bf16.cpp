// The scalar reference of the products in bf16: oracle of the tests and fallback of every CPU. Written to be
// read.
#include "core/arithmetic/scalar_bf16.h"

#include <algorithm>
#include <cmath>

#include "core/arithmetic/bf16_kernels.h"
#include "core/arithmetic/leaf_tree.h"

namespace lockstep {

namespace {

/// sum(a(k) · b(k), k < depth) as TDPBF16PS adds it; the factors are bf16 values, +0 from `depth` on.
template <class A, class B>
float chain(std::size_t depth, const A& a, const B& b) {
    float sum = 0.0F;
    for (std::size_t block = 0; block < depth; block += kBlockDepth) {
        float even = 0.0F;
        float odd = 0.0F;
        for (std::size_t k = block; k < block + kBlockDepth; k += 2) {
            even = std::fma(k < depth ? a(k) : 0.0F, k < depth ? b(k) : 0.0F, even);
            odd = std::fma(k + 1 < depth ? a(k + 1) : 0.0F, k + 1 < depth ? b(k + 1) : 0.0F, odd);
        }
        sum = sum + (even + odd);
    }
    return sum;
}

/// Where element (k, col) of b lies among the halves of the pairs.
std::size_t pair_index(std::size_t blocks, std::size_t k, std::size_t col) {
    const std::size_t row = col / kBf16PanelCols * blocks * kBlockPairs + k / 2;
    return row * kBf16PanelCols + col % kBf16PanelCols;
}

float rounded(float value) { return scalar::from_bf16(scalar::to_bf16(value)); }

void pack_weights_scalar(const Bf16WeightsTask& t) {
    const auto whole = [](std::size_t size) { return (size + kBlockDepth - 1) / kBlockDepth * kBlockDepth; };
    const auto half = [&](std::size_t row, std::size_t col) -> std::uint32_t {
        return row < t.rows && col < t.cols ? scalar::to_bf16(t.w.data[row * t.w.stride + col]) : 0;
    };
    for (std::size_t row = 0; row < whole(t.rows); ++row) {
        for (std::size_t col = 0; col < whole(t.cols); ++col) {
            if (row % 2 == 0)
                t.by_row[pair_index(t.row_blocks, row, col)] = half(row, col) | half(row + 1, col) << 16;
            if (col % 2 == 0 && t.by_col != nullptr) {
                t.by_col[pair_index(t.col_blocks, col, row)] = half(row, col) | half(row, col + 1) << 16;
            }
        }
    }
}

void product_scalar(const Bf16ProductTask& t) {
    for (std::size_t r = 0; r < t.rows; ++r) {
        const float* a = t.a.data + r * t.a.stride;
        for (std::size_t col = 0; col < t.cols; ++col) {
            t.c.data[r * t.c.stride + col] = chain(
                t.depth, [&](std::size_t k) { return rounded(a[k]); },
                [&](std::size_t k) {
                    const std::uint32_t pair = t.b.pairs[pair_index(t.b.blocks, k, col)];
                    return scalar::from_bf16(static_cast<std::uint16_t>(k % 2 == 0 ? pair : pair >> 16));
                });
        }
    }
    t.finish(t.context, 0, t.rows);
}

float gradient_node(const WeightGradientTask& t, std::size_t i, std::size_t o, LeafRange node) {
    if (node.count() > 1) {
        const std::size_t middle = node.begin + split_point(node.count());
        const float left = gradient_node(t, i, o, {node.begin, middle});
        return left + gradient_node(t, i, o, {middle, node.end});
    }
    const std::size_t first = node.begin * t.leaf;
    return chain(
        std::min(t.leaf, t.samples - first),
        [&](std::size_t s) { return rounded(t.x.data[(first + s) * t.x.stride + i]); },
        [&](std::size_t s) { return rounded(t.delta.data[(first + s) * t.delta.stride + o]); });
}

void weight_gradient_scalar(const WeightGradientTask& t) {
    const LeafRange root{0, leaf_count(t.samples, t.leaf)};
    for (std::size_t i = 0; i < t.inputs; ++i) {
        for (std::size_t o = 0; o < t.outputs; ++o)
            t.dw.data[i * t.dw.stride + o] = gradient_node(t, i, o, root);
    }
}

}  // namespace

Bf16Kernels scalar_bf16_kernels() { return {pack_weights_scalar, product_scalar, weight_gradient_scalar}; }

}  // namespace lockstep
