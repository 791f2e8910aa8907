// The products of bf16_gemm.h: checks, shares the result's rows and columns among threads, and calls the
// kernels.
#include "core/arithmetic/bf16_gemm.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "core/arithmetic/dispatch/bf16_kernels.h"
#include "core/arithmetic/dispatch/pause.h"
#include "core/arithmetic/product_parts.h"
#include "core/arithmetic/split_guard.h"
#include "core/base/integers.h"
#include "core/base/require.h"

namespace lockstep {

namespace {

std::size_t blocks_of(std::size_t depth) { return ceil_divide(depth, kBlockDepth); }
std::size_t panels_of(std::size_t cols) { return ceil_divide(cols, kBf16PanelCols); }
std::size_t pairs_of(std::size_t depth, std::size_t cols, Bf16Form form) {
    return blocks_of(depth) * panels_of(cols) * parts_of(form) * kPanelBlock_pairs;
}

/// The right operand b (depth, cols) of a product, as it was packed and, of a split, as it is.
struct RightOperand {
    Bf16Form form;
    std::span<const std::uint32_t> pairs;
    UnsplitOperand unsplit;
};

/// c = a · b in parts, finish(row, rows, col, cols) on what is complete of c.
template <class Finish>
void multiply(ConstMatrix a, const RightOperand& b, Matrix c, const Finish& finish) {
    const Bf16Kernels& k = bf16_kernels(b.form);
    const std::size_t blocks = blocks_of(a.cols);
    const std::size_t panel_pairs = blocks * parts_of(b.form) * kPanelBlock_pairs;
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
                   .b = {b.pairs.data() + part.col / kBf16PanelCols * panel_pairs, blocks},
                   .c = {c.data + part.row * c.stride + part.col, c.stride},
                   .finish =
                       [](const void* of, std::size_t row, std::size_t rows) {
                           const auto& [finish_rows, whole] = *static_cast<const Context*>(of);
                           finish_rows(ResultPart{whole.row + row, rows, whole.col, whole.cols});
                       },
                   .context = &context,
                   .scratch = product_scratch(),
                   .pause = current_pause()});
    });
}

/// The same, with the sums mended that a split would spoil.
template <class Finish>
void multiply_guarded(ConstMatrix a, const RightOperand& b, Matrix c, const Finish& finish) {
    if (b.form == Bf16Form::kRounded) return multiply(a, b, c, finish);
    const ProductGuard guard(a, b.unsplit);
    multiply(a, b, c, [&](const ResultPart& part) {
        guard.mend({part.row, part.rows, part.col, part.cols}, c);
        finish(part);
    });
}

}  // namespace

PackedWeights::PackedWeights(std::size_t inputs, std::size_t outputs, bool transposed_too, Bf16Form form)
    : inputs_(inputs), outputs_(outputs), transposed_too_(transposed_too), form_(form) {}

std::size_t PackedWeights::bytes() const {
    const std::size_t pairs =
        pairs_of(inputs_, outputs_, form_) + (transposed_too_ ? pairs_of(outputs_, inputs_, form_) : 0);
    return pairs * sizeof(std::uint32_t);
}

void PackedWeights::pack(ConstMatrix w) {
    require(w.rows == inputs_ && w.cols == outputs_, "PackedWeights::pack: w has another shape");
    if (by_input_.size() == 0) {
        by_input_ = Buffer<std::uint32_t>(pairs_of(inputs_, outputs_, form_));
        if (transposed_too_) by_output_ = Buffer<std::uint32_t>(pairs_of(outputs_, inputs_, form_));
    }
    if (form_ == Bf16Form::kSplit) {
        w_ = w;
        of_inputs_.reset(inputs_);
        of_outputs_.reset(outputs_);
    }
    constexpr std::size_t kGrain_values = std::size_t{1} << 16;
    const Bf16Kernels& k = bf16_kernels(form_);
    const std::size_t row_blocks = blocks_of(inputs_);
    const std::size_t col_blocks = blocks_of(outputs_);
    const std::size_t block_pairs = parts_of(form_) * kPanelBlock_pairs;
    const std::size_t grain = kGrain_values / (outputs_ * kBlockDepth + 1) + 1;
    share_range(row_blocks, grain, 1, [&](std::size_t begin, std::size_t end) {
        const std::size_t row = begin * kBlockDepth;
        const std::size_t rows = std::min(inputs_, end * kBlockDepth) - row;
        std::uint32_t* by_output = by_output_.data() + begin * col_blocks * block_pairs;
        k.pack_weights({.rows = rows,
                        .cols = outputs_,
                        .w = {w.data + row * w.stride, w.stride},
                        .by_row = by_input_.data() + begin * block_pairs,
                        .row_blocks = row_blocks,
                        .by_col = transposed_too_ ? by_output : nullptr,
                        .col_blocks = col_blocks});
        if (form_ == Bf16Form::kSplit) find_magnitudes(row, rows);
    });
}

/// Of rows [row, row + rows) of w; several threads may have a share of the same columns.
void PackedWeights::find_magnitudes(std::size_t row, std::size_t rows) {
    static std::mutex columns;
    constexpr std::size_t kCols = 1024;
    for (std::size_t col = 0; col < outputs_; col += kCols) {
        const std::size_t cols = std::min(kCols, outputs_ - col);
        std::array<std::int32_t, kCols> largest;
        std::array<std::int32_t, kCols> least;
        largest.fill(kNoLargest);
        least.fill(kNoLeast);
        bf16_kernels(form_).find_magnitudes({.rows = rows,
                                             .cols = cols,
                                             .m = {w_.data + row * w_.stride + col, w_.stride},
                                             .of_rows = of_inputs_.from(row),
                                             .of_cols = {largest.data(), least.data()}});
        const std::scoped_lock lock(columns);
        of_outputs_.widen(col, std::span(largest).first(cols), std::span(least).first(cols));
    }
}

void bf16_forward(ConstMatrix x, const PackedWeights& w, std::span<const float> bias, Activation f,
                  Matrix y) {
    require(x.cols == w.inputs() && y.rows == x.rows && y.cols == w.outputs(),
            "bf16_forward: shapes of x, w, y differ");
    require(bias.empty() || bias.size() == w.outputs(), "bf16_forward: bias needs one value an output");
    require(w.by_input().size() == pairs_of(w.inputs(), w.outputs(), w.form()),
            "bf16_forward: the weights are not packed");
    const Kernels& k = kernels();
    const RightOperand b{w.form(), w.by_input(), {w.weights().data, w.weights().stride, 1, &w.of_outputs()}};
    multiply_guarded(x, b, y, [&](const ResultPart& part) {
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
    require(w.by_output().size() == pairs_of(w.outputs(), w.inputs(), w.form()),
            "bf16_input_delta: the transposed weights are not packed");
    const Kernels& k = kernels();
    const RightOperand b{w.form(), w.by_output(), {w.weights().data, 1, w.weights().stride, &w.of_inputs()}};
    multiply_guarded(delta, b, below, [&](const ResultPart& part) {
        for (std::size_t r = part.row; reads_x && r < part.row + part.rows; ++r) {
            k.multiply_by_derivative(f, x.data + r * x.stride + part.col,
                                     below.data + r * below.stride + part.col, part.cols);
        }
    });
}

void bf16_weight_gradient(ConstMatrix x, ConstMatrix delta, std::size_t leaf, Matrix dw, Bf16Form form) {
    if (!begin_gradient(x, delta, leaf, dw)) return;
    std::optional<GradientGuard> guard;
    if (form == Bf16Form::kSplit) guard.emplace(x, delta, leaf);
    const Bf16Kernels& k = bf16_kernels(form);
    share_result(dw.rows, dw.cols, x.rows, [&](ResultPart part) {
        struct Context {
            const GradientGuard* guard;
            ResultPart part;
        };
        const Context context{guard ? &*guard : nullptr, part};
        k.weight_gradient({.product = {.samples = x.rows,
                                       .inputs = part.rows,
                                       .outputs = part.cols,
                                       .leaf = leaf,
                                       .x = {x.data + part.row, x.stride},
                                       .delta = {delta.data + part.col, delta.stride},
                                       .dw = {dw.data + part.row * dw.stride + part.col, dw.stride},
                                       .scratch = product_scratch(),
                                       .pause = current_pause()},
                           .leaf_done =
                               [](const void* of, std::size_t l, const TileRange& tile, const Rows& values) {
                                   const auto& [of_leaf, whole] = *static_cast<const Context*>(of);
                                   if (of_leaf == nullptr) return;
                                   of_leaf->mend(
                                       l, {whole.row + tile.row, tile.rows, whole.col + tile.col, tile.cols},
                                       values);
                               },
                           .context = &context});
    });
}

}  // namespace lockstep
