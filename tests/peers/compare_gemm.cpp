// Compares the products of a dense layer with OpenBLAS's sgemm and oneDNN's, on one thread, in one process,
// on the same buffers, measured in turn. Run by scripts/compare_gemm.sh, which says what the columns mean.
#include <cblas.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/number.h"
#include "core/base/threads.h"
#include "launcher/bench/bench_gemm.h"
#include "launcher/options/config.h"

namespace {

using namespace lockstep;  // NOLINT(google-build-using-namespace): this file is a program of its own

struct Case {
    ProductForm form;
    ProductShape shape;
};

void openblas_sgemm(const Case& which, BenchProduct& product) {
    const auto transposed = [](bool yes) { return yes ? CblasTrans : CblasNoTrans; };
    const auto size = [](std::size_t n) { return static_cast<blasint>(n); };
    const auto [m, n, k] = which.shape;
    cblas_sgemm(CblasRowMajor, transposed(which.form == ProductForm::kWeightGradient),
                transposed(which.form == ProductForm::kInputDelta), size(m), size(n), size(k), 1.0F,
                product.a().data, size(product.a().stride), product.b().data, size(product.b().stride), 0.0F,
                product.c().data, size(n));
}

void onednn_sgemm(const Case& which, BenchProduct& product) {
    const auto transposed = [](bool yes) { return yes ? 'T' : 'N'; };
    const auto size = [](std::size_t n) { return static_cast<dnnl_dim_t>(n); };
    const auto [m, n, k] = which.shape;
    const dnnl::status status =
        dnnl::sgemm(transposed(which.form == ProductForm::kWeightGradient),
                    transposed(which.form == ProductForm::kInputDelta), size(m), size(n), size(k), 1.0F,
                    product.a().data, size(product.a().stride), product.b().data, size(product.b().stride),
                    0.0F, product.c().data, size(n));
    if (status != dnnl::status::success) throw std::runtime_error("dnnl::sgemm failed");
}

/// oneDNN's view of a product's operands.
class OneDnnOperands {
  protected:
    OneDnnOperands(const Case& which, BenchProduct& product)
        : engine_(dnnl::engine::kind::cpu, 0),
          stream_(engine_),
          a_(view(product.a(), which.form == ProductForm::kWeightGradient)),
          b_(view(product.b(), which.form == ProductForm::kInputDelta)),
          c_(view(product.c(), false)) {}

    dnnl::engine engine_;
    dnnl::stream stream_;
    dnnl::memory a_, b_, c_;

  private:
    /// The matrix, or its transpose, in place.
    dnnl::memory view(ConstMatrix matrix, bool transposed) {
        const auto size = [](std::size_t n) { return static_cast<dnnl::memory::dim>(n); };
        dnnl::memory::dims sizes{size(matrix.rows), size(matrix.cols)};
        dnnl::memory::dims strides{size(matrix.stride), 1};
        if (transposed) {
            std::swap(sizes[0], sizes[1]);
            std::swap(strides[0], strides[1]);
        }
        const dnnl::memory::desc desc(sizes, dnnl::memory::data_type::f32, strides);
        // oneDNN's interface takes inputs, too, as pointers to what may change.
        return {desc, engine_, const_cast<float*>(matrix.data)};
    }
};

/// oneDNN's matmul primitive, made once for its buffers.
class OneDnnMatmul : OneDnnOperands {
  public:
    OneDnnMatmul(const Case& which, BenchProduct& product)
        : OneDnnOperands(which, product),
          matmul_(dnnl::matmul::primitive_desc(
              dnnl::matmul::desc(a_.get_desc(), b_.get_desc(), c_.get_desc()), engine_)) {}

    void run() {
        matmul_.execute(stream_, {{DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_}, {DNNL_ARG_DST, c_}});
        stream_.wait();
    }

  private:
    dnnl::matmul matmul_;
};

/// The same in bf16, in the layouts that it likes best, with an fp32 result.
class OneDnnBf16 : OneDnnOperands {
  public:
    OneDnnBf16(const Case& which, BenchProduct& product)
        : OneDnnOperands(which, product),
          best_(dnnl::matmul::desc(of_any_layout(a_), of_any_layout(b_), c_.get_desc()), engine_),
          bf16_a_(best_.src_desc(), engine_),
          bf16_b_(best_.weights_desc(), engine_),
          convert_a_(a_, bf16_a_),
          convert_b_(b_, bf16_b_),
          matmul_(best_) {
        convert_b_.execute(stream_, b_, bf16_b_);
        stream_.wait();
    }

    /// Converts a, and b too where it is not to be taken as packed before.
    void run(bool b_too) {
        convert_a_.execute(stream_, a_, bf16_a_);
        if (b_too) convert_b_.execute(stream_, b_, bf16_b_);
        matmul_.execute(stream_, {{DNNL_ARG_SRC, bf16_a_}, {DNNL_ARG_WEIGHTS, bf16_b_}, {DNNL_ARG_DST, c_}});
        stream_.wait();
    }

  private:
    static dnnl::memory::desc of_any_layout(const dnnl::memory& fp32) {
        return {fp32.get_desc().dims(), dnnl::memory::data_type::bf16, dnnl::memory::format_tag::any};
    }

    dnnl::matmul::primitive_desc best_;
    dnnl::memory bf16_a_, bf16_b_;
    dnnl::reorder convert_a_, convert_b_;
    dnnl::matmul matmul_;
};

/// Throws where c is not, but for rounding, what lockstep computes: a comparison of different jobs is none.
void check_same(const char* who, std::size_t k, Arithmetic arithmetic, ConstMatrix expected, ConstMatrix c) {
    // Two sums of k products of values within [-1, 1], each within k roundings of the exact one; in bf16 both
    // factors of a product are rounded before.
    const double of_factors = arithmetic == Arithmetic::kBf16 ? std::exp2(-7) : 0.0;
    const auto depth = static_cast<double>(k);
    const double bound = 2.0 * depth * depth * std::exp2(-24) + depth * of_factors;
    for (std::size_t row = 0; row < c.rows; ++row) {
        for (std::size_t col = 0; col < c.cols; ++col) {
            const double difference = std::abs(static_cast<double>(c(row, col)) - expected(row, col));
            if (difference <= bound) continue;
            throw std::runtime_error(fmt::format("{} computes something else: row {}, column {}: {} for {}",
                                                 who, row, col, c(row, col), expected(row, col)));
        }
    }
}

/// Seconds of one call. oneDNN in two ways: fp32 by its matmul and its sgemm; bf16 with b packed before,
/// where lockstep has it packed, and with both converted in the call.
struct Figures {
    Case which;
    double flops;
    double own, own_tree, openblas, onednn1, onednn2;
    [[nodiscard]] double onednn() const { return std::min(onednn1, onednn2); }
};

Figures measure(const Case& which, Arithmetic arithmetic, double seconds) {
    BenchProduct product(which.form, which.shape, arithmetic);
    OneDnnMatmul matmul(which, product);
    std::vector<std::function<void()>> contenders{[&] { product.run(which.shape.k); },
                                                  [&] { product.run(kBenchLeaf); },
                                                  [&] { openblas_sgemm(which, product); }};
    std::optional<OneDnnBf16> bf16;
    if (arithmetic == Arithmetic::kBf16) {
        bf16.emplace(which, product);
        const bool packed_before = which.form != ProductForm::kWeightGradient;
        contenders.emplace_back([&, packed_before] { bf16->run(!packed_before); });
        contenders.emplace_back([&] { bf16->run(true); });
    } else {
        contenders.emplace_back([&] { matmul.run(); });
        contenders.emplace_back([&] { onednn_sgemm(which, product); });
    }

    product.run(which.shape.k);
    const std::vector<float> own(product.c().data, product.c().data + which.shape.m * which.shape.n);
    constexpr std::array kNames{"lockstep", "lockstep's tree", "OpenBLAS", "oneDNN", "oneDNN's other way"};
    for (std::size_t i = 0; i < contenders.size(); ++i) {
        std::fill(product.c().data, product.c().data + own.size(), NAN);
        contenders[i]();
        check_same(kNames[i], which.shape.k, arithmetic, {own.data(), which.shape.m, which.shape.n},
                   product.c());
    }

    const std::vector<Spread> times = measure_in_turn(contenders, seconds);
    const bool tree = which.form == ProductForm::kWeightGradient;
    return {which,           product.flops(), times[0].median, tree ? times[1].median : times[0].median,
            times[2].median, times[3].median, times[4].median};
}

void print_row(const Figures& f) {
    const auto gflops = [&](double seconds) { return f.flops / seconds * 1e-9; };
    const auto [m, n, k] = f.which.shape;
    const bool tree = f.which.form == ProductForm::kWeightGradient;
    fmt::print("{:>5} {:>5} {:>5} {}  {:>8.1f} {:>8} {:>8.1f} {:>8.1f} {:>8.1f}   {:>9.2f} {:>8.2f} {:>8}\n",
               m, n, k, transposes(f.which.form), gflops(f.own),
               tree ? fmt::format("{:.1f}", gflops(f.own_tree)) : "", gflops(f.openblas), gflops(f.onednn1),
               gflops(f.onednn2), f.openblas / f.own, f.onednn() / f.own,
               tree ? fmt::format("{:.2f}", f.own / f.own_tree) : "");
    std::fflush(stdout);
}

/// Geometric mean and least of ratio(figures) over those that `wanted` takes.
template <class Wanted, class Ratio>
std::string mean_and_least(const std::vector<Figures>& all, const Wanted& wanted, const Ratio& ratio) {
    double sum_of_logs = 0.0;
    double least = INFINITY;
    std::size_t count = 0;
    for (const Figures& figures : all) {
        if (!wanted(figures)) continue;
        sum_of_logs += std::log(ratio(figures));
        least = std::min(least, ratio(figures));
        ++count;
    }
    return fmt::format("{:.3f} (least {:.2f})", std::exp(sum_of_logs / static_cast<double>(count)), least);
}

void print_means(const std::vector<Figures>& all) {
    fmt::print("\ngeometric means  {:>22} {:>22} {:>22}\n", "x OpenBLAS", "x oneDNN", "tree x one leaf");
    const auto row = [&](std::string_view title, const auto& wanted, auto time) {
        fmt::print("{:<16} {:>22} {:>22}", title,
                   mean_and_least(all, wanted, [&](const Figures& f) { return f.openblas / time(f); }),
                   mean_and_least(all, wanted, [&](const Figures& f) { return f.onednn() / time(f); }));
    };
    const auto one_leaf = [](const Figures& f) { return f.own; };
    const auto tree = [](const Figures& f) { return f.own_tree; };
    for (const ProductForm form : kProductForms) {
        const auto of_form = [&](const Figures& f) { return f.which.form == form; };
        row(transposes(form), of_form, one_leaf);
        fmt::print("\n");
        if (form != ProductForm::kWeightGradient) continue;
        row("TN, leaves of 32", of_form, tree);
        fmt::print(" {:>22}\n",
                   mean_and_least(all, of_form, [](const Figures& f) { return f.own / f.own_tree; }));
    }
    const auto every = [](const Figures&) { return true; };
    row("all", every, one_leaf);
    fmt::print("\n");
    row("all, with leaves", every, tree);
    fmt::print("\n");
}

std::string_view onednn_isa() {
    switch (dnnl::get_effective_cpu_isa()) {
        case dnnl::cpu_isa::avx2:
            return "AVX2";
        case dnnl::cpu_isa::avx512_core:
            return "AVX-512";
        case dnnl::cpu_isa::avx512_core_vnni:
            return "AVX-512 VNNI";
        case dnnl::cpu_isa::avx512_core_bf16:
            return "AVX-512 BF16";
        case dnnl::cpu_isa::avx512_core_amx:
            return "AMX";
        default:
            return "another set";
    }
}

int run(const std::vector<std::string>& arguments) {
    double seconds = 1.0;
    std::string arithmetic = "fp32";
    std::vector<ProductShape> shapes(kProductShapes.begin(), kProductShapes.end());
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        const std::string value = i + 1 < arguments.size() ? arguments[i + 1] : "";
        ProductShape shape{};
        if (arguments[i] == "--seconds" && parse_number<double>(value)) {
            seconds = *parse_number<double>(value);
        } else if (arguments[i] == "--arithmetic" &&
                   (value == "fp32" || value == "bf16" || value == "fp32_amx")) {
            arithmetic = value;
        } else if (arguments[i] == "--shape" &&
                   std::sscanf(value.c_str(), "%zu-%zu-%zu", &shape.m, &shape.n, &shape.k) == 3) {
            shapes = {shape};
        } else {
            fmt::print(stderr, "usage: compare_gemm [--arithmetic A] [--seconds S] [--shape M-N-K]\n");
            return 2;
        }
    }
    const ContractFloatMode float_mode;
    set_thread_count(1);
    openblas_set_num_threads(1);
    omp_set_num_threads(1);
    const dnnl_version_t* const onednn = dnnl_version();
    fmt::print("lockstep {} {}, {} ({}), oneDNN {}.{}.{} ({}), {}; GFLOP/s by medians, one thread\n",
               arithmetic, name(instruction_set()), openblas_get_config(), openblas_get_corename(),
               onednn->major, onednn->minor, onednn->patch, onednn_isa(), cpu_model());
    fmt::print("{:>5} {:>5} {:>5}     {:>8} {:>8} {:>8} {:>8} {:>8}   {:>9} {:>8} {:>8}\n", "m", "n", "k",
               "lockstep", "leaves32", "OpenBLAS", arithmetic == "bf16" ? "packed" : "matmul",
               arithmetic == "bf16" ? "all" : "sgemm", "/OpenBLAS", "/oneDNN", "tree");
    std::vector<Figures> all;
    for (const ProductShape& shape : shapes) {
        for (const ProductForm form : kProductForms) {
            all.push_back(measure({form, shape}, value_named<Arithmetic>(arithmetic), seconds));
            print_row(all.back());
        }
    }
    print_means(all);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        fmt::print(stderr, "compare_gemm: {}\n", error.what());
        return 1;
    }
}
