// `lockstep bench gemm`: how fast the three products of a dense layer are, and how near to the machine's
// peak.
#include "launcher/bench/bench_gemm.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/arithmetic/dispatch/peak.h"
#include "core/arithmetic/gemm.h"
#include "core/base/error.h"
#include "core/base/philox.h"
#include "core/base/threads.h"
#include "launcher/options/config.h"
#include "launcher/run/printing.h"
#include "launcher/score/memory_check.h"

namespace lockstep {

namespace {

/// About a tenth of a millisecond with vectors.
constexpr std::size_t kPeak_rounds = std::size_t{1} << 16;

Buffer<float> random_operand(std::size_t count, std::uint32_t number) {
    Buffer<float> values(count);
    const RandomStream stream(number, RandomPurpose::kSyntheticData);
    for (std::size_t i = 0; i < count; ++i) values[i] = 2.0F * uniform01(stream.block(i)[0]) - 1.0F;
    return values;
}

/// GFLOP/s of one shape; zero for the peak where it is not asked for.
struct ProductFigures {
    ProductShape shape;
    double forward, input_delta, weight_gradient, weight_gradient_one_leaf, peak;
};

/// All products of one shape in turn, and the peak between them, so that a slow moment of the machine is
/// shared.
ProductFigures measure(const ProductShape& shape, const BenchInput& input) {
    const Arithmetic arithmetic = value_named<Arithmetic>(input.arithmetic);
    BenchProduct forward(ProductForm::kForward, shape, arithmetic);
    BenchProduct input_delta(ProductForm::kInputDelta, shape, arithmetic);
    BenchProduct gradient(ProductForm::kWeightGradient, shape, arithmetic);
    std::size_t peak_flops = 0;
    std::vector<std::function<void()>> contenders{
        [&] { forward.run(kBenchLeaf); }, [&] { input_delta.run(kBenchLeaf); },
        [&] { gradient.run(kBenchLeaf); }, [&] { gradient.run(shape.k); }};
    if (input.peak) contenders.emplace_back([&] { peak_flops = fma_burst(kPeak_rounds); });
    const std::vector<Spread> seconds = measure_in_turn(contenders, input.seconds);
    const auto gflops = [&](std::size_t i) { return forward.flops() / seconds[i].median * 1e-9; };
    const double peak = input.peak ? static_cast<double>(peak_flops) / seconds.back().median * 1e-9 : 0.0;
    return {shape, gflops(0), gflops(1), gflops(2), gflops(3), peak};
}

nlohmann::ordered_json to_json(const ProductFigures& figures) {
    nlohmann::ordered_json json{{"m", figures.shape.m},
                                {"n", figures.shape.n},
                                {"k", figures.shape.k},
                                {"forward", figures.forward},
                                {"input_delta", figures.input_delta},
                                {"weight_gradient", figures.weight_gradient},
                                {"weight_gradient_one_leaf", figures.weight_gradient_one_leaf}};
    if (figures.peak > 0.0) json["peak"] = figures.peak;
    return json;
}

void print_table(const std::vector<ProductFigures>& all, const BenchInput& input) {
    print_out("GFLOP/s, {}, {} thread(s), {}; medians, measured in turn{}\n", input.arithmetic, input.threads,
              name(instruction_set()), input.peak ? "; in brackets the share of the peak" : "");
    print_out("{:>5} {:>5} {:>5}  {:>15} {:>15} {:>15} {:>15}\n", "m", "n", "k", "forward", "input delta",
              "weight gradient", "in one leaf");
    for (const ProductFigures& figures : all) {
        print_out("{:>5} {:>5} {:>5} ", figures.shape.m, figures.shape.n, figures.shape.k);
        for (const double gflops : {figures.forward, figures.input_delta, figures.weight_gradient,
                                    figures.weight_gradient_one_leaf}) {
            const std::string share =
                input.peak ? fmt::format(" ({:.0f} %)", 100.0 * gflops / figures.peak) : "";
            print_out(" {:>15}", fmt::format("{:.1f}{}", gflops, share));
        }
        print_out("\n");
    }
}

/// Throws ConfigError where the operands of the three products are more than this machine can hold.
void check_memory(const ProductShape& shape) {
    const auto [m, n, k] =
        std::array{static_cast<double>(shape.m), static_cast<double>(shape.n), static_cast<double>(shape.k)};
    const double bytes = 3.0 * (m * k + k * n + m * n) * sizeof(float);
    const auto machine = static_cast<double>(machine_memory_bytes());
    if (bytes <= machine) return;
    throw ConfigError(
        fmt::format("--shape {}-{}-{}: takes {:.3g} GiB, but this machine has {:.3g} GiB; choose smaller "
                    "sizes",
                    shape.m, shape.n, shape.k, bytes / 0x1p30, machine / 0x1p30));
}

}  // namespace

std::string_view transposes(ProductForm form) {
    switch (form) {
        case ProductForm::kForward:
            return "NN";
        case ProductForm::kInputDelta:
            return "NT";
        case ProductForm::kWeightGradient:
            return "TN";
    }
    return "unknown";
}

BenchProduct::BenchProduct(ProductForm form, const ProductShape& shape, Arithmetic arithmetic)
    : form_(form),
      shape_(shape),
      a_rows_(form == ProductForm::kWeightGradient ? shape.k : shape.m),
      b_rows_(form == ProductForm::kInputDelta ? shape.n : shape.k),
      a_(random_operand(shape.m * shape.k, 1)),
      b_(random_operand(shape.k * shape.n, 2)),
      c_(shape.m * shape.n),
      arithmetic_(arithmetic) {
    if (!packs_weights(arithmetic) || form == ProductForm::kWeightGradient) return;
    packed_.emplace(b().rows, b().cols, form == ProductForm::kInputDelta, bf16_form(arithmetic));
    packed_->pack(b());
}

void BenchProduct::run(std::size_t leaf) {
    if (packs_weights(arithmetic_)) return run_bf16(leaf);
    switch (form_) {
        case ProductForm::kForward:
            return dense_forward(a(), b(), {}, {}, c());
        case ProductForm::kInputDelta:
            return dense_input_delta(a(), b(), {}, {}, c());
        case ProductForm::kWeightGradient:
            return dense_weight_gradient(a(), b(), leaf, c());
    }
}

void BenchProduct::run_bf16(std::size_t leaf) {
    switch (form_) {
        case ProductForm::kForward:
            return bf16_forward(a(), *packed_, {}, {}, c());
        case ProductForm::kInputDelta:
            return bf16_input_delta(a(), *packed_, {}, {}, c());
        case ProductForm::kWeightGradient:
            return bf16_weight_gradient(a(), b(), leaf, c(), bf16_form(arithmetic_));
    }
}

double BenchProduct::flops() const {
    return 2.0 * static_cast<double>(shape_.m) * static_cast<double>(shape_.n) *
           static_cast<double>(shape_.k);
}

void bench_gemm(const BenchInput& input, bool json) {
    set_thread_count(static_cast<int>(input.threads));
    check_threads_start(static_cast<int>(input.threads));
    if (input.shape) check_memory(*input.shape);
    std::vector<ProductShape> shapes(kProductShapes.begin(), kProductShapes.end());
    if (input.shape) shapes = {*input.shape};
    std::vector<ProductFigures> all;
    for (const ProductShape& shape : shapes) all.push_back(measure(shape, input));
    std::vector<double> peaks;
    for (const ProductFigures& figures : all) peaks.push_back(figures.peak);
    const double peak = spread_of(peaks).median;

    if (!json) {
        print_table(all, input);
        if (input.peak) print_out("peak in registers: {:.1f} GFLOP/s\n", peak);
        return;
    }
    nlohmann::ordered_json result{{"instruction_set", name(instruction_set())},
                                  {"arithmetic", input.arithmetic},
                                  {"threads", input.threads},
                                  {"leaf", kBenchLeaf}};
    if (input.peak) result["peak"] = peak;
    result["gflops"] = nlohmann::ordered_json::array();
    for (const ProductFigures& figures : all) result["gflops"].push_back(to_json(figures));
    print_json(result);
}

}  // namespace lockstep
