// The products of bf16_gemm.h: checks, shares the result's rows and columns among threads, and calls the
// kernels.
#include "core/arithmetic/bf16_gemm.h"

#include <algorithm>
#include <stdexcept>

#include "core/arithmetic/bf16_kernels.h"
#include "core/arithmetic/product_parts.h"

namespace lockstep {

namespace {

void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

std::size_t blocks_of(std::size_t depth) { return (depth + kBlockDepth - 1) / kBlockDepth; }
std::size_t panels_of(std::size_t cols) { return (cols + kBf16PanelCols - 1) / kBf16PanelCols; }
std::size_t pairs_of(std::size_t depth, std::size_t cols) {
    return blocks_of(depth) * panels_of(cols) * kPanelBlock_pairs;
}

/// c = a · b in parts, finish(row, rows, col, cols) on what is complete of c.
template <class Finish>
void multiply(ConstMatrix a, std::span<const std::uint32_t> pairs, Matrix c, const Finish& finish) {
    const Bf16Kernels& k = bf16_kernels();
    const std::size_t blocks = blocks_of(a.cols);
    share_result(c.rows, c.cols, a.cols, [&](ResultPart part) {
        struct Context {
            const Finish& finish;
            ResultPart part;
        };
        const Context context{finish, part};
        k.product({.rows = part.rows,
                   .cols = part.cols,
                   .depth = a.cols,
                   .a = {a.data + part.row * a.stride, a.stride},
                   .b = {pairs.data() + part.col / kBf16PanelCols * blocks * kPanelBlock_pairs, blocks},
                   .c = {c.data + part.row * c.stride + part.col, c.stride},
                   .finish =
                       [](const void* of, std::size_t row, std::size_t rows) {
                           const auto& [finish_rows, whole] = *static_cast<const Context*>(of);
                           finish_rows(ResultPart{whole.row + row, rows, whole.col, whole.cols});
                       },
                   .context = &context,
                   .scratch = product_scratch()});
    });
}

}  // namespace

PackedWeights::PackedWeights(std::size_t inputs, std::size_t outputs, bool transposed_too)
    : inputs_(inputs), outputs_(outputs), transposed_too_(transposed_too) {}

std::size_t PackedWeights::bytes() const {
    const std::size_t pairs =
        pairs_of(inputs_, outputs_) + (transposed_too_ ? pairs_of(outputs_, inputs_) : 0);
    return pairs * sizeof(std::uint32_t);
}

void PackedWeights::pack(ConstMatrix w) {
    require(w.rows == inputs_ && w.cols == outputs_, "PackedWeights::pack: w has another shape");
    if (by_input_.size() == 0) {
        by_input_ = Buffer<std::uint32_t>(pairs_of(inputs_, outputs_));
        if (transposed_too_) by_output_ = Buffer<std::uint32_t>(pairs_of(outputs_, inputs_));
    }
    constexpr std::size_t kGrain_values = std::size_t{1} << 16;
    const Bf16Kernels& k = bf16_kernels();
    const std::size_t row_blocks = blocks_of(inputs_);
    const std::size_t col_blocks = blocks_of(outputs_);
    const std::size_t grain = kGrain_values / (outputs_ * kBlockDepth + 1) + 1;
    share_range(row_blocks, grain, 1, [&](std::size_t begin, std::size_t end) {
        const std::size_t row = begin * kBlockDepth;
        std::uint32_t* by_output = by_output_.data() + begin * col_blocks * kPanelBlock_pairs;
        k.pack_weights({.rows = std::min(inputs_, end * kBlockDepth) - row,
                        .cols = outputs_,
                        .w = {w.data + row * w.stride, w.stride},
                        .by_row = by_input_.data() + begin * kPanelBlock_pairs,
                        .row_blocks = row_blocks,
                        .by_col = transposed_too_ ? by_output : nullptr,
                        .col_blocks = col_blocks});
    });
}

void bf16_forward(ConstMatrix x, const PackedWeights& w, std::span<const float> bias, Activation f,
                  Matrix y) {
    require(x.cols == w.inputs() && y.rows == x.rows && y.cols == w.outputs(),
            "bf16_forward: shapes of x, w, y differ");
    require(bias.empty() || bias.size() == w.outputs(), "bf16_forward: bias needs one value an output");
    require(w.by_input().size() == pairs_of(w.inputs(), w.outputs()),
            "bf16_forward: the weights are not packed");
    const Kernels& k = kernels();
    multiply(x, w.by_input(), y, [&](ResultPart part) {
        for (std::size_t r = part.row; r < part.row + part.rows; ++r) {
            float* row = y.data + r * y.stride + part.col;
            if (!bias.empty()) k.add(row, bias.data() + part.col, part.cols);
            if (f.kind != ActivationKind::kIdentity) k.activate(f, row, part.cols);
        }
    });
}

void bf16_input_delta(ConstMatrix delta, const PackedWeights& w, Activation f, ConstMatrix x, Matrix below) {
    const bool reads_x = f.kind != ActivationKind::kIdentity;
    require(delta.cols == w.outputs() && below.rows == delta.rows && below.cols == w.inputs(),
            "bf16_input_delta: shapes of delta, w, below differ");
    require(!reads_x || (x.rows == below.rows && x.cols == below.cols),
            "bf16_input_delta: shapes of x and below differ");
    require(w.by_output().size() == pairs_of(w.outputs(), w.inputs()),
            "bf16_input_delta: the transposed weights are not packed");
    const Kernels& k = kernels();
    multiply(delta, w.by_output(), below, [&](ResultPart part) {
        for (std::size_t r = part.row; reads_x && r < part.row + part.rows; ++r) {
            k.multiply_by_derivative(f, x.data + r * x.stride + part.col,
                                     below.data + r * below.stride + part.col, part.cols);
        }
    });
}

void bf16_weight_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw) {
    require(leaf > 0, "bf16_weight_gradient: leaf must be positive");
    require(x.rows == delta.rows && dw.rows == x.cols && dw.cols == delta.cols,
            "bf16_weight_gradient: shapes of x, delta, dw differ");
    if (x.rows == 0) {
        for (std::size_t r = 0; r < dw.rows; ++r) std::ranges::fill(dw.row(r), 0.0F);
        return;
    }
    const Bf16Kernels& k = bf16_kernels();
    share_result(dw.rows, dw.cols, x.rows, [&](ResultPart part) {
        k.weight_gradient({.samples = x.rows,
                           .inputs = part.rows,
                           .outputs = part.cols,
                           .leaf = leaf,
                           .x = {x.data + part.row, x.stride},
                           .delta = {delta.data + part.col, delta.stride},
                           .dw = {dw.data + part.row * dw.stride + part.col, dw.stride},
                           .scratch = product_scratch()});
    });
}

}  // namespace lockstep
