// The operations of elementwise.h: checks, shares values and rows among threads, and calls the kernels.
#include "core/arithmetic/elementwise.h"

#include <algorithm>
#include <atomic>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/buffer.h"
#include "core/base/leaf_tree.h"
#include "core/base/require.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

using ValuesKernel = void (*)(const float* x, float* y, std::size_t count);

void map_values(ValuesKernel kernel, std::span<const float> x, std::span<float> y) {
    require(x.size() == y.size(), "element-wise function: x and y differ in size");
    share_range(x.size(), kValuesPerThread, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        kernel(x.data() + begin, y.data() + begin, end - begin);
    });
}

/// work(row, count) on runs of values: the whole matrix at once where the rows touch.
template <class Work>
void share_rows(Matrix m, bool contiguous, const Work& work) {
    if (m.empty()) return;
    if (contiguous) {
        share_range(m.rows * m.cols, kValuesPerThread, kCacheLine_floats,
                    [&](std::size_t begin, std::size_t end) { work(std::size_t{0}, begin, end - begin); });
        return;
    }
    share_range(m.rows, kValuesPerThread / m.cols + 1, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t r = begin; r < end; ++r) work(r, std::size_t{0}, m.cols);
    });
}

}  // namespace

void exp_values(std::span<const float> x, std::span<float> y) { map_values(kernels().exp, x, y); }
void log_values(std::span<const float> x, std::span<float> y) { map_values(kernels().log, x, y); }
void sigmoid_values(std::span<const float> x, std::span<float> y) { map_values(kernels().sigmoid, x, y); }

void activate(Activation f, Matrix values) {
    if (f.kind == ActivationKind::kIdentity) return;
    const Kernels& k = kernels();
    share_rows(values, values.stride == values.cols,
               [&](std::size_t row, std::size_t first, std::size_t count) {
                   k.activate(f, values.data + row * values.stride + first, count);
               });
}

void multiply_by_derivative(Activation f, ConstMatrix y, Matrix delta) {
    if (f.kind == ActivationKind::kIdentity) return;
    require(y.rows == delta.rows && y.cols == delta.cols,
            "multiply_by_derivative: shapes of y and delta differ");
    const Kernels& k = kernels();
    const bool contiguous = y.stride == y.cols && delta.stride == delta.cols;
    share_rows(delta, contiguous, [&](std::size_t row, std::size_t first, std::size_t count) {
        k.multiply_by_derivative(f, y.data + row * y.stride + first, delta.data + row * delta.stride + first,
                                 count);
    });
}

void softmax_rows(ConstMatrix potential, Matrix probability, std::span<float> log_sum) {
    require(potential.rows == probability.rows && potential.cols == probability.cols,
            "softmax_rows: shapes of potential and probability differ");
    require(log_sum.size() == potential.rows, "softmax_rows: log_sum needs one value a row");
    const Kernels& k = kernels();
    share_range(
        potential.rows, kValuesPerThread / (potential.cols + 1) + 1, 1,
        [&](std::size_t begin, std::size_t end) {
            k.softmax({.samples = end - begin,
                       .classes = potential.cols,
                       .potential = {potential.data + begin * potential.stride, potential.stride},
                       .probability = {probability.data + begin * probability.stride, probability.stride},
                       .log_sum = log_sum.data() + begin});
        });
}

void add_values(std::span<float> into, std::span<const float> from) {
    require(into.size() == from.size(), "add_values: sizes differ");
    const Kernels& k = kernels();
    share_range(into.size(), kValuesPerThread, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.add(into.data() + begin, from.data() + begin, end - begin);
    });
}

bool all_finite(std::span<const float> values) {
    const Kernels& k = kernels();
    std::atomic<bool> finite{true};
    share_range(values.size(), kValuesPerThread, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        if (!k.all_finite(values.data() + begin, end - begin)) finite.store(false, std::memory_order_relaxed);
    });
    return finite.load(std::memory_order_relaxed);
}

void add_scaled(std::span<float> into, float factor, std::span<const float> from) {
    require(into.size() == from.size(), "add_scaled: sizes differ");
    const Kernels& k = kernels();
    share_range(into.size(), kValuesPerThread, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.add_scaled(into.data() + begin, factor, from.data() + begin, end - begin);
    });
}

void scale_values(std::span<float> values, float factor) {
    const Kernels& k = kernels();
    share_range(values.size(), kValuesPerThread, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.scale(values.data() + begin, factor, end - begin);
    });
}

double square_sum(std::span<const float> values, std::span<double> block_sums) {
    const std::size_t blocks = square_blocks(values.size());
    require(block_sums.size() >= blocks, "square_sum: too few block sums");
    const Kernels& k = kernels();
    share_range(blocks, kValuesPerThread / kSquareBlock, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t b = begin; b < end; ++b) {
            const std::size_t first = b * kSquareBlock;
            block_sums[b] =
                k.square_sum(values.data() + first, std::min(kSquareBlock, values.size() - first));
        }
    });
    return tree_sum(std::span<const double>(block_sums.first(blocks)));
}

}  // namespace lockstep
