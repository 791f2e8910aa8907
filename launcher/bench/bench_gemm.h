// The products of a dense layer with operands in memory, as `lockstep bench gemm` and the comparison with
// other libraries (tests/peers) measure them.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/arithmetic/arithmetic.h"
#include "core/arithmetic/bf16_gemm.h"
#include "core/base/buffer.h"
#include "core/base/matrix.h"
#include "launcher/bench/bench.h"

namespace lockstep {

/// Layers of small and large networks and batches, and powers of two, whose strides are the hardest on
/// caches.
inline constexpr std::array kProductShapes{ProductShape{128, 800, 784},    ProductShape{128, 784, 800},
                                           ProductShape{784, 800, 128},    ProductShape{64, 256, 784},
                                           ProductShape{1024, 4096, 1024}, ProductShape{512, 4096, 4096},
                                           ProductShape{2500, 2000, 128},  ProductShape{32, 128, 128}};

/// Which of a layer's products: c = a · b, a · bᵀ or aᵀ · b.
enum class ProductForm { kForward, kInputDelta, kWeightGradient };
inline constexpr std::array kProductForms{ProductForm::kForward, ProductForm::kInputDelta,
                                          ProductForm::kWeightGradient};
/// "NN", "NT", "TN": which operands are transposed.
std::string_view transposes(ProductForm form);

/// The samples of a leaf that bench gemm measures: training.leaf's default.
inline constexpr std::size_t kBenchLeaf = 32;

/// One product with operands in [-1, 1) that depend on the shape alone.
class BenchProduct {
  public:
    /// In an arithmetic that packs the weights they are packed here, once, as a training step does after its
    /// update.
    BenchProduct(ProductForm form, const ProductShape& shape, Arithmetic arithmetic = Arithmetic::kFp32);

    /// Computes c. `leaf` is the weight gradient's; k or more: one chain, without a tree.
    void run(std::size_t leaf);

    [[nodiscard]] ConstMatrix a() const { return {a_.data(), a_rows_, a_.size() / a_rows_}; }
    [[nodiscard]] ConstMatrix b() const { return {b_.data(), b_rows_, b_.size() / b_rows_}; }
    [[nodiscard]] Matrix c() { return {c_.data(), shape_.m, shape_.n}; }
    [[nodiscard]] double flops() const;

  private:
    void run_bf16(std::size_t leaf);

    ProductForm form_;
    ProductShape shape_;
    std::size_t a_rows_;
    std::size_t b_rows_;
    Buffer<float> a_;  // (m, k), or (k, m) where transposed
    Buffer<float> b_;  // (k, n), or (n, k) where transposed
    Buffer<float> c_;  // (m, n)
    Arithmetic arithmetic_;
    std::optional<PackedWeights> packed_;  // b, of the first two forms, where packed
};

}  // namespace lockstep
