// The products of gemm.h: checks, shares the result's rows and columns among threads, and calls the kernels.
#include "core/arithmetic/gemm.h"

#include <algorithm>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/dispatch/pause.h"
#include "core/arithmetic/product_parts.h"
#include "core/base/buffer.h"
#include "core/base/require.h"

namespace lockstep {

void dense_forward(ConstMatrix x, ConstMatrix w, std::span<const float> bias, Activation f, Matrix y) {
    require(x.cols == w.rows && y.rows == x.rows && y.cols == w.cols,
            "dense_forward: shapes of x, w, y differ");
    require(bias.empty() || bias.size() == w.cols, "dense_forward: bias needs one value an output");
    const Kernels& k = kernels();
    share_result(y.rows, y.cols, x.cols, [&](ResultPart p) {
        k.forward({.samples = p.rows,
                   .inputs = x.cols,
                   .outputs = p.cols,
                   .x = {x.data + p.row * x.stride, x.stride},
                   .w = {w.data + p.col, w.stride},
                   .bias = bias.empty() ? nullptr : bias.data() + p.col,
                   .f = f,
                   .y = {y.data + p.row * y.stride + p.col, y.stride},
                   .scratch = product_scratch(),
                   .pause = current_pause()});
    });
}

void dense_input_delta(ConstMatrix delta, ConstMatrix w, Activation f, ConstMatrix x, Matrix below) {
    const bool reads_x = f.kind != ActivationKind::kIdentity;
    require(delta.cols == w.cols && below.rows == delta.rows && below.cols == w.rows,
            "dense_input_delta: shapes of delta, w, below differ");
    require(!reads_x || (x.rows == below.rows && x.cols == below.cols),
            "dense_input_delta: shapes of x and below differ");
    const Kernels& k = kernels();
    share_result(below.rows, below.cols, delta.cols, [&](ResultPart p) {
        const ConstRows x_part =
            reads_x ? ConstRows{x.data + p.row * x.stride + p.col, x.stride} : ConstRows{nullptr, 0};
        k.input_delta({.samples = p.rows,
                       .inputs = p.cols,
                       .outputs = delta.cols,
                       .delta = {delta.data + p.row * delta.stride, delta.stride},
                       .w = {w.data + p.col * w.stride, w.stride},
                       .f = f,
                       .x = x_part,
                       .below = {below.data + p.row * below.stride + p.col, below.stride},
                       .scratch = product_scratch(),
                       .pause = current_pause()});
    });
}

void dense_weight_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw) {
    if (!begin_gradient(x, delta, leaf, dw)) return;
    const Kernels& k = kernels();
    share_result(dw.rows, dw.cols, x.rows, [&](ResultPart p) {
        k.weight_gradient({.samples = x.rows,
                           .inputs = p.rows,
                           .outputs = p.cols,
                           .leaf = leaf,
                           .x = {x.data + p.row, x.stride},
                           .delta = {delta.data + p.col, delta.stride},
                           .dw = {dw.data + p.row * dw.stride + p.col, dw.stride},
                           .scratch = product_scratch(),
                           .pause = current_pause()});
    });
}

void dense_bias_gradient(ConstMatrix delta, std::size_t leaf, std::span<float> db) {
    require(leaf > 0, "dense_bias_gradient: leaf must be positive");
    require(db.size() == delta.cols, "dense_bias_gradient: db needs one value an output");
    if (delta.rows == 0) {
        std::ranges::fill(db, 0.0F);
        return;
    }
    const Kernels& k = kernels();
    const std::size_t grain = kMultiplicationsPerThread / delta.rows + 1;
    share_range(delta.cols, grain, kCacheLine_floats, [&](std::size_t begin, std::size_t end) {
        k.bias_gradient({.samples = delta.rows,
                         .outputs = end - begin,
                         .leaf = leaf,
                         .delta = {delta.data + begin, delta.stride},
                         .db = db.data() + begin});
    });
}

}  // namespace lockstep
