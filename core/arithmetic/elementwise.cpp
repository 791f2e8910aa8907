// The operations of elementwise.h: checks, shares values and rows among threads, and calls the kernels.
#include "core/arithmetic/elementwise.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/buffer.h"
#include "core/base/leaf_tree.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

/// Values per thread below which waking a thread costs more than it brings.
constexpr std::size_t kGrain = std::size_t{1} << 15;
constexpr std::size_t kCacheLine_floats = kAlignment_bytes / sizeof(float);

using ValuesKernel = void (*)(const float* x, float* y, std::size_t count);

void map_values(ValuesKernel kernel, std::span<const float> x, std::span<float> y) {
    require(x.size() == y.size(), "element-wise function: x and y differ in size");
    share_range(x.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        kernel(x.data() + begin, y.data() + begin, end - begin);
    });
}

/// work(row, count) on runs of values: the whole matrix at once where the rows touch.
template <class Work>
void share_rows(Matrix m, bool contiguous, const Work& work) {
    if (m.empty()) return;
    if (contiguous) {
        share_range(m.rows * m.cols, kGrain, kCacheLine_floats,
                    [&](std::size_t begin, std::size_t end) { work(std::size_t{0}, begin, end - begin); });
        return;
    }
    share_range(m.rows, kGrain / m.cols + 1, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t r = begin; r < end; ++r) work(r, std::size_t{0}, m.cols);
    });
}

}  // namespace

void exp_values(std::span<const float> x, std::span<float> y) { map_values(kernels().exp, x, y); }
void log_values(std::span<const float> x, std::span<float> y) { map_values(kernels().log, x, y); }
void tanh_values(std::span<const float> x, std::span<float> y) { map_values(kernels().tanh, x, y); }
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
        potential.rows, kGrain / (potential.cols + 1) + 1, 1, [&](std::size_t begin, std::size_t end) {
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
    share_range(into.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.add(into.data() + begin, from.data() + begin, end - begin);
    });
}

bool all_finite(std::span<const float> values) {
    const Kernels& k = kernels();
    std::atomic<bool> finite{true};
    share_range(values.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        if (!k.all_finite(values.data() + begin, end - begin)) finite.store(false, std::memory_order_relaxed);
    });
    return finite.load(std::memory_order_relaxed);
}

void add_scaled(std::span<float> into, float factor, std::span<const float> from) {
    require(into.size() == from.size(), "add_scaled: sizes differ");
    const Kernels& k = kernels();
    share_range(into.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.add_scaled(into.data() + begin, factor, from.data() + begin, end - begin);
    });
}

void scale_values(std::span<float> values, float factor) {
    const Kernels& k = kernels();
    share_range(values.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.scale(values.data() + begin, factor, end - begin);
    });
}

double square_sum(std::span<const float> values, std::span<double> block_sums) {
    const std::size_t blocks = square_blocks(values.size());
    require(block_sums.size() >= blocks, "square_sum: too few block sums");
    const Kernels& k = kernels();
    share_range(blocks, kGrain / kSquareBlock, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t b = begin; b < end; ++b) {
            const std::size_t first = b * kSquareBlock;
            block_sums[b] =
                k.square_sum(values.data() + first, std::min(kSquareBlock, values.size() - first));
        }
    });
    return tree_sum(std::span<const double>(block_sums.first(blocks)));
}

void sgd_step(SgdStep step, std::span<const float> gradient_sum, std::span<float> delta, std::span<float> w) {
    require(gradient_sum.size() == w.size() && delta.size() == w.size(), "sgd_step: sizes differ");
    const Kernels& k = kernels();
    share_range(w.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.sgd({.count = end - begin,
               .mean_factor = step.mean_factor,
               .l2 = step.l2,
               .learning_rate = step.learning_rate,
               .momentum = step.momentum,
               .nesterov = step.nesterov,
               .gradient_sum = gradient_sum.data() + begin,
               .delta = delta.data() + begin,
               .w = w.data() + begin});
    });
}

void adaptive_step(AdaptiveStep step, std::span<const float> gradient_sum, std::span<float> r,
                   std::span<float> delta, std::span<float> w) {
    require(gradient_sum.size() == w.size() && r.size() == w.size() &&
                (delta.empty() || delta.size() == w.size()),
            "adaptive_step: sizes differ");
    require(!delta.empty() || w.empty() || step.momentum == 0.0F, "adaptive_step: momentum needs delta");
    const Kernels& k = kernels();
    share_range(w.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.adaptive({.count = end - begin,
                    .mean_factor = step.mean_factor,
                    .l2 = step.l2,
                    .learning_rate = step.learning_rate,
                    .keep = step.keep,
                    .gain = step.gain,
                    .epsilon = step.epsilon,
                    .momentum = step.momentum,
                    .inside = step.epsilon_inside,
                    .gradient_sum = gradient_sum.data() + begin,
                    .r = r.data() + begin,
                    .delta = delta.empty() ? nullptr : delta.data() + begin,
                    .w = w.data() + begin});
    });
}

void adadelta_step(AdadeltaStep step, std::span<const float> gradient_sum, std::span<float> r,
                   std::span<float> s, std::span<float> w) {
    require(gradient_sum.size() == w.size() && r.size() == w.size() && s.size() == w.size(),
            "adadelta_step: sizes differ");
    const Kernels& k = kernels();
    share_range(w.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.adadelta({.count = end - begin,
                    .mean_factor = step.mean_factor,
                    .l2 = step.l2,
                    .learning_rate = step.learning_rate,
                    .rho = step.rho,
                    .epsilon = step.epsilon,
                    .gradient_sum = gradient_sum.data() + begin,
                    .r = r.data() + begin,
                    .s = s.data() + begin,
                    .w = w.data() + begin});
    });
}

void adam_step(AdamStep step, std::span<const float> gradient_sum, std::span<float> m, std::span<float> v,
               std::span<float> w) {
    require(gradient_sum.size() == w.size() && m.size() == w.size() && v.size() == w.size(),
            "adam_step: sizes differ");
    const Kernels& k = kernels();
    share_range(w.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.adam({.count = end - begin,
                .mean_factor = step.mean_factor,
                .l2 = step.l2,
                .learning_rate = step.learning_rate,
                .beta1 = step.beta1,
                .beta2 = step.beta2,
                .epsilon = step.epsilon,
                .correction1 = step.correction1,
                .correction2 = step.correction2,
                .shrink = step.shrink,
                .inside = step.epsilon_inside,
                .gradient_sum = gradient_sum.data() + begin,
                .m = m.data() + begin,
                .v = v.data() + begin,
                .w = w.data() + begin});
    });
}

void lamb_direction(LambDirection step, std::span<const float> gradient_sum, std::span<const float> w,
                    std::span<float> m, std::span<float> v, std::span<float> direction) {
    require(gradient_sum.size() == w.size() && m.size() == w.size() && v.size() == w.size() &&
                direction.size() == w.size(),
            "lamb_direction: sizes differ");
    const Kernels& k = kernels();
    share_range(w.size(), kGrain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.lamb_direction({.count = end - begin,
                          .mean_factor = step.mean_factor,
                          .beta1 = step.beta1,
                          .beta2 = step.beta2,
                          .epsilon = step.epsilon,
                          .correction1 = step.correction1,
                          .correction2 = step.correction2,
                          .weight_decay = step.weight_decay,
                          .inside = step.epsilon_inside,
                          .gradient_sum = gradient_sum.data() + begin,
                          .w = w.data() + begin,
                          .m = m.data() + begin,
                          .v = v.data() + begin,
                          .direction = direction.data() + begin});
    });
}

}  // namespace lockstep
