// The operations of distance.h: checks, shares the result's rows and columns among threads, and calls the
// kernels.
#include "core/arithmetic/distance.h"

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/product_parts.h"
#include "core/base/require.h"

namespace lockstep {

void distance_forward(ConstMatrix x, ConstMatrix w, Matrix y) {
    require(x.cols == w.rows && y.rows == x.rows && y.cols == w.cols,
            "distance_forward: shapes of x, w, y differ");
    const Kernels& k = kernels();
    share_result(y.rows, y.cols, x.cols, [&](ResultPart p) {
        k.distance({.samples = p.rows,
                    .inputs = x.cols,
                    .outputs = p.cols,
                    .x = {x.data + p.row * x.stride, x.stride},
                    .w = {w.data + p.col, w.stride},
                    .y = {y.data + p.row * y.stride + p.col, y.stride}});
    });
}

void distance_weight_gradient(ConstMatrix x, ConstMatrix w, ConstMatrix delta, std::size_t leaf, Matrix dw) {
    require(w.rows == dw.rows && w.cols == dw.cols, "distance_weight_gradient: shapes of w, dw differ");
    if (!begin_gradient(x, delta, leaf, dw)) return;
    const Kernels& k = kernels();
    share_result(dw.rows, dw.cols, x.rows, [&](ResultPart p) {
        k.distance_gradient({.samples = x.rows,
                             .inputs = p.rows,
                             .outputs = p.cols,
                             .leaf = leaf,
                             .x = {x.data + p.row, x.stride},
                             .w = {w.data + p.row * w.stride + p.col, w.stride},
                             .delta = {delta.data + p.col, delta.stride},
                             .dw = {dw.data + p.row * dw.stride + p.col, dw.stride}});
    });
}

void distance_input_delta(ConstMatrix x, ConstMatrix w, ConstMatrix delta, Matrix below) {
    require(x.rows == delta.rows && x.cols == w.rows && delta.cols == w.cols && below.rows == x.rows &&
                below.cols == x.cols,
            "distance_input_delta: shapes of x, w, delta, below differ");
    const Kernels& k = kernels();
    share_result(below.rows, below.cols, delta.cols, [&](ResultPart p) {
        k.distance_input_delta({.samples = p.rows,
                                .inputs = p.cols,
                                .outputs = delta.cols,
                                .x = {x.data + p.row * x.stride + p.col, x.stride},
                                .w = {w.data + p.col * w.stride, w.stride},
                                .delta = {delta.data + p.row * delta.stride, delta.stride},
                                .below = {below.data + p.row * below.stride + p.col, below.stride}});
    });
}

}  // namespace lockstep
