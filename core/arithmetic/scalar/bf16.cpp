// The scalar reference of the products in bf16: oracle of the tests and fallback of every CPU. Written to be
// read.
#include "core/arithmetic/bf16_rounding.h"

#include <algorithm>
#include <cmath>

#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/arithmetic/scalar/magnitudes.h"
#include "core/base/integers.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

namespace {

/// Part `part` of `value` in bf16.
float part_of(float value, std::size_t part) {
    float rounded = scalar::from_bf16(scalar::to_bf16(value));
    for (; part > 0; --part) {
        value = value - rounded;
        rounded = scalar::from_bf16(scalar::to_bf16(value));
    }
    return rounded;
}

/// sum(a(k) · b(k), k < depth) as TDPBF16PS adds it: a(k, part) and b(k, part) are bf16 values, +0 from
/// `depth` on.
template <class Form, class A, class B>
float chain(std::size_t depth, const A& a, const B& b) {
    float sum = 0.0F;
    const auto add_block = [&](std::size_t block, PartPair part) {
        float even = 0.0F;
        float odd = 0.0F;
        for (std::size_t k = block; k < block + kBlockDepth; k += 2) {
            even = std::fma(k < depth ? a(k, part.a) : 0.0F, k < depth ? b(k, part.b) : 0.0F, even);
            odd = std::fma(k + 1 < depth ? a(k + 1, part.a) : 0.0F, k + 1 < depth ? b(k + 1, part.b) : 0.0F,
                           odd);
        }
        sum = sum + (even + odd);
    };
    for (std::size_t sweep = 0; sweep < Form::kSweeps; ++sweep) {
        for (std::size_t block = 0; block < depth; block += kBlockDepth) {
            for (std::size_t p = Form::kSweepEnds[sweep]; p < Form::kSweepEnds[sweep + 1]; ++p)
                add_block(block, Form::kPairs[p]);
        }
    }
    return sum;
}

/// Where a part of element (k, col) of b lies among the pairs.
template <class Form>
std::size_t pair_index(std::size_t blocks, std::size_t k, std::size_t col, std::size_t part) {
    const std::size_t block = col / kBf16PanelCols * blocks + k / kBlockDepth;
    const std::size_t pair = k % kBlockDepth / 2;
    return ((block * Form::kParts + part) * kBlockPairs + pair) * kBf16PanelCols + col % kBf16PanelCols;
}

template <class Form>
void pack_weights_scalar(const Bf16WeightsTask& t) {
    const auto whole = [](std::size_t size) { return round_up(size, kBlockDepth); };
    for (std::size_t part = 0; part < Form::kParts; ++part) {
        const auto half = [&](std::size_t row, std::size_t col) -> std::uint32_t {
            if (row >= t.rows || col >= t.cols) return 0;
            return scalar::to_bf16(part_of(t.w.data[row * t.w.stride + col], part));
        };
        for (std::size_t row = 0; row < whole(t.rows); ++row) {
            for (std::size_t col = 0; col < whole(t.cols); ++col) {
                if (row % 2 == 0) {
                    t.by_row[pair_index<Form>(t.row_blocks, row, col, part)] =
                        half(row, col) | half(row + 1, col) << 16;
                }
                if (col % 2 == 0 && t.by_col != nullptr) {
                    t.by_col[pair_index<Form>(t.col_blocks, col, row, part)] =
                        half(row, col) | half(row, col + 1) << 16;
                }
            }
        }
    }
}

template <class Form>
void product_scalar(const Bf16ProductTask& t) {
    for (std::size_t r = 0; r < t.rows; ++r) {
        const float* a = t.a.data + r * t.a.stride;
        for (std::size_t col = 0; col < t.cols; ++col) {
            t.c.data[r * t.c.stride + col] = chain<Form>(
                t.depth, [&](std::size_t k, std::size_t part) { return part_of(a[k], part); },
                [&](std::size_t k, std::size_t part) {
                    const std::uint32_t pair = t.b.pairs[pair_index<Form>(t.b.blocks, k, col, part)];
                    return scalar::from_bf16(static_cast<std::uint16_t>(k % 2 == 0 ? pair : pair >> 16));
                });
        }
    }
    t.finish(t.context, 0, t.rows);
}

template <class Form>
float gradient_node(const Bf16GradientTask& task, std::size_t i, std::size_t o, LeafRange node) {
    if (node.count() > 1) {
        const std::size_t middle = node.begin + split_point(node.count());
        const float left = gradient_node<Form>(task, i, o, {node.begin, middle});
        return left + gradient_node<Form>(task, i, o, {middle, node.end});
    }
    const WeightGradientTask& t = task.product;
    const std::size_t first = node.begin * t.leaf;
    float sum = chain<Form>(
        std::min(t.leaf, t.samples - first),
        [&](std::size_t s, std::size_t part) {
            return part_of(t.x.data[(first + s) * t.x.stride + i], part);
        },
        [&](std::size_t s, std::size_t part) {
            return part_of(t.delta.data[(first + s) * t.delta.stride + o], part);
        });
    if (task.leaf_done != nullptr) task.leaf_done(task.context, node.begin, {i, 1, o, 1}, {&sum, 1});
    return sum;
}

template <class Form>
void weight_gradient_scalar(const Bf16GradientTask& task) {
    const WeightGradientTask& t = task.product;
    const LeafRange root{0, leaf_count(t.samples, t.leaf)};
    for (std::size_t i = 0; i < t.inputs; ++i) {
        for (std::size_t o = 0; o < t.outputs; ++o)
            t.dw.data[i * t.dw.stride + o] = gradient_node<Form>(task, i, o, root);
    }
}

template <class Form>
Bf16Kernels kernels_of_form() {
    return {pack_weights_scalar<Form>, product_scalar<Form>, weight_gradient_scalar<Form>, find_magnitudes};
}

}  // namespace

Bf16Kernels scalar_bf16_kernels(Bf16Form form) {
    return form == Bf16Form::kSplit ? kernels_of_form<SplitForm>() : kernels_of_form<RoundedForm>();
}

}  // namespace lockstep
