#include "core/arithmetic/dispatch/policy_digest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "core/arithmetic/bf16_gemm.h"
#include "core/arithmetic/column_norm.h"
#include "core/arithmetic/compression.h"
#include "core/arithmetic/distance.h"
#include "core/arithmetic/dropout.h"
#include "core/arithmetic/elementwise.h"
#include "core/arithmetic/gemm.h"
#include "core/arithmetic/optimizer/take_step.h"
#include "core/base/leaf_tree.h"
#include "core/base/philox.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

// No multiples of a register or a tile, and five leaves, the last one short: a tree with three levels.
constexpr std::size_t kSamples = 35;
constexpr std::size_t kInputs = 37;
constexpr std::size_t kOutputs = 19;
constexpr std::size_t kLeaf = 8;

/// Owns a matrix of values whose sums depend on the order, or of zeros.
class Values {
  public:
    Values(std::size_t rows, std::size_t cols) : rows_(rows), cols_(cols), values_(rows * cols) {}
    /// Between −1 and 1, with exponents over 2^−8 and all bits of the mantissa used, drawn by `number`.
    Values(std::size_t rows, std::size_t cols, std::uint64_t number) : Values(rows, cols) {
        const RandomStream stream(number, RandomPurpose::kSyntheticData);
        for (std::size_t i = 0; i < values_.size(); ++i) {
            const PhiloxCounter words = stream.block(i);
            const float magnitude =
                std::ldexp(0.5F + 0.5F * uniform01(words[0]), -static_cast<int>(words[1] % 8));
            values_[i] = words[2] % 2 == 0 ? magnitude : -magnitude;
        }
    }
    [[nodiscard]] Matrix view() { return {values_.data(), rows_, cols_}; }
    [[nodiscard]] std::span<float> span() { return values_; }

  private:
    std::size_t rows_, cols_;
    std::vector<float> values_;
};

void add_products(DigestBuilder& digest) {
    Values x(kSamples, kInputs, 1);
    Values w(kInputs, kOutputs, 2);
    Values delta(kSamples, kOutputs, 3);
    Values bias(1, kOutputs, 4);
    Values y(kSamples, kOutputs);
    Values below(kSamples, kInputs);
    Values dw(kInputs, kOutputs);
    const auto add = [&] {
        for (Values* result : {&y, &below, &dw}) digest.update(std::span<const float>(result->span()));
    };
    dense_forward(x.view(), w.view(), bias.span(), {ActivationKind::kTanh}, y.view());
    dense_input_delta(delta.view(), w.view(), {ActivationKind::kSigmoid}, x.view(), below.view());
    dense_weight_gradient(x.view(), delta.view(), kLeaf, dw.view());
    add();
    dense_bias_gradient(delta.view(), kLeaf, bias.span());
    digest.update(std::span<const float>(bias.span()));
    for (const Bf16Form form : {Bf16Form::kRounded, Bf16Form::kSplit}) {
        PackedWeights packed(kInputs, kOutputs, true, form);
        packed.pack(w.view());
        bf16_forward(x.view(), packed, {}, {ActivationKind::kRelu}, y.view());
        bf16_input_delta(delta.view(), packed, {ActivationKind::kTanh}, x.view(), below.view());
        bf16_weight_gradient(x.view(), delta.view(), kLeaf, dw.view(), form);
        add();
    }
    distance_forward(x.view(), w.view(), y.view());
    distance_input_delta(x.view(), w.view(), delta.view(), below.view());
    distance_weight_gradient(x.view(), w.view(), delta.view(), kLeaf, dw.view());
    add();
}

void add_functions(DigestBuilder& digest) {
    Values x(kSamples, kOutputs, 5);
    Values y(kSamples, kOutputs);
    Values log_sum(1, kSamples);
    const auto add = [&] { digest.update(std::span<const float>(y.span())); };
    scale_values(x.span(), 20.0F);
    exp_values(x.span(), y.span());
    add();
    log_values(y.span(), y.span());
    add();
    for (const ActivationKind kind : {ActivationKind::kSigmoid, ActivationKind::kTanh,
                                      ActivationKind::kGaussian, ActivationKind::kSaturated}) {
        std::ranges::copy(x.span(), y.span().begin());
        activate({kind, 1.7159F, 0.6667F}, y.view());
        add();
        multiply_by_derivative({kind, 1.7159F, 0.6667F}, y.view(), y.view());
        add();
    }
    softmax_rows(x.view(), y.view(), log_sum.span());
    digest.update(std::span<const float>(log_sum.span()));
    add();
    drop_out({.seed = 1, .step = 2, .place = 3, .first = 4}, 0.5F, x.view(), y.view());
    add();
    std::ranges::copy(x.span(), y.span().begin());
    limit_column_norms(y.view(), 3.0F);
    add();
    Values residual(kSamples, kOutputs, 6);
    keep_largest(y.span(), residual.span(), 0.1);
    add();
    round_to_bf16(residual.span());
    add_rounded(y.span(), residual.span());
    add_scaled(y.span(), 0.3F, x.span());
    add();
    std::array<double, 1> blocks{};
    static_assert(square_blocks(kSamples * kOutputs) == blocks.size());
    const double square = square_sum(y.span(), blocks);
    digest.update(std::span<const double>(&square, 1));
    const std::vector<double> leaves(x.span().begin(), x.span().end());
    const double sum = tree_sum(leaves);
    digest.update(std::span<const double>(&sum, 1));
}

/// Two steps from the same parameters and a state of squares.
template <class Step>
void add_step(DigestBuilder& digest, const Step& step) {
    constexpr std::size_t kParameters = 53;
    Values gradient(1, kParameters, 7);
    Values w(1, kParameters, 8);
    Values state(kMostState, kParameters, 9);
    for (float& value : state.span()) value *= value;
    for (int i = 0; i < 2; ++i) {
        take_step(step, gradient.span(), w.span(),
                  {state.view().row(0), state.view().row(1), state.view().row(2)});
    }
    digest.update(std::span<const float>(w.span())).update(std::span<const float>(state.span()));
}

void add_steps(DigestBuilder& digest) {
    constexpr float kMean = 1.0F / 96.0F;
    for (const bool other : {false, true}) {
        const float l2 = other ? 0.01F : 0.0F;
        add_step(digest, SgdStep{kMean, 0.1F, 0.9F, l2, other});
        add_step(digest, AdaptiveStep{kMean, 0.1F, 0.9F, 0.1F, 1e-3F, other, 0.5F, l2});
        add_step(digest, AdadeltaStep{kMean, 1.0F, 0.9F, 1e-6F, l2});
        add_step(digest, AdamStep{kMean, 1e-3F, 0.9F, 0.999F, 1e-8F, 10.0F, 1000.0F, 0.99F, other, l2});
        add_step(digest, LambDirection{kMean, 0.9F, 0.999F, 1e-8F, 10.0F, 1000.0F, 0.01F, other});
    }
}

}  // namespace

Digest128 arithmetic_policy_digest() {
    const ContractFloatMode mode;
    DigestBuilder digest;
    digest.update(std::uint64_t{kArithmeticPolicy});
    add_products(digest);
    add_functions(digest);
    add_steps(digest);
    return digest.digest();
}

}  // namespace lockstep
