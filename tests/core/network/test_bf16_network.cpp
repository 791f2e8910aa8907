// A network in bf16: what its passes compute, from which copies of the weights, and how far from fp32.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/arithmetic/bf16_gemm.h"
#include "core/base/threads.h"
#include "core/network/network.h"

using namespace lockstep;

namespace {

constexpr std::size_t kSamples = 40;
constexpr std::size_t kLeaf = 32;

NetworkSpec two_layers() {
    NetworkSpec spec;
    spec.inputs = 30;
    spec.layers = {parse_layer("dense units=50 activation=tanh"),
                   parse_layer("dense units=7 activation=softmax")};
    return spec;
}

/// A network with its parameters and one batch.
struct Fixture {
    Network network;
    Workspace work;
    Buffer<float> parameters;
    Buffer<float> x{kSamples * 30};
    std::vector<std::int32_t> labels;

    explicit Fixture(Arithmetic arithmetic)
        : network(two_layers(), arithmetic),
          work(network, kSamples),
          parameters(network.layout().arena_size()) {
        network.initialise(3, parameters.span());
        std::mt19937 random(1);
        std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
        for (float& value : x.span()) value = uniform(random);
        for (std::size_t s = 0; s < kSamples; ++s) labels.push_back(static_cast<std::int32_t>(random() % 7));
    }

    [[nodiscard]] ConstMatrix inputs() const { return {x.data(), kSamples, 30}; }
    [[nodiscard]] Matrix forward() { return network.forward(parameters.span(), inputs(), work); }
    [[nodiscard]] Buffer<float> gradient() {
        Buffer<float> arena(parameters.size());
        std::vector<SampleMetrics> metrics(kSamples);
        static_cast<void>(forward());
        network.evaluate({labels, {}}, kSamples, work, metrics);
        const NodeGradient node{kSamples, arena.span()};
        network.backward(parameters.span(), inputs(), kLeaf, {&node, 1}, work, [](std::size_t) {});
        return arena;
    }
};

bool equal(Matrix a, std::span<const float> b) {
    return std::ranges::equal(std::span(a.data, a.rows * a.cols), b);
}

/// The potentials of the last layer by the products themselves.
std::vector<float> by_hand(const Fixture& f) {
    const auto& blocks = f.network.layout().blocks();
    const std::span<const float> parameters = f.parameters.span();
    PackedWeights first(30, 50, false);
    PackedWeights second(50, 7, false);
    first.pack(blocks[0].in(parameters));
    second.pack(blocks[2].in(parameters));
    std::vector<float> hidden(kSamples * 50);
    std::vector<float> potentials(kSamples * 7);
    bf16_forward(f.inputs(), first, blocks[1].values(parameters), {ActivationKind::kTanh, 1.0F, 1.0F},
                 {hidden.data(), kSamples, 50});
    bf16_forward({hidden.data(), kSamples, 50}, second, blocks[3].values(parameters), {},
                 {potentials.data(), kSamples, 7});
    return potentials;
}

}  // namespace

TEST_CASE("network in bf16: the passes read the weights as last packed, layer by layer") {
    const ContractFloatMode mode;
    Fixture f(Arithmetic::kBf16);
    f.network.pack(f.parameters.span());
    const std::vector<float> before = by_hand(f);
    CHECK(equal(f.forward(), before));
    for (std::size_t layer = 0; layer < 2; ++layer) {
        const ArenaRange range = f.network.layout().layer_range(layer);
        // Weights alone: a bias is read from the arena.
        for (float& w : f.network.layout().blocks()[2 * layer].values(f.parameters.span())) w *= 1.5F;
        CHECK(range.count > 0);
        CHECK_FALSE(equal(f.forward(), by_hand(f)));
        const ArenaRange run = f.network.layout().layer_range(layer);
        f.network.pack_layer(layer, f.parameters.span().subspan(run.first, run.count));
        CHECK(equal(f.forward(), by_hand(f)));
    }
    CHECK_FALSE(equal(f.forward(), before));
}

TEST_CASE("network in bf16: gradients are fp32's but for the rounding of the factors") {
    const ContractFloatMode mode;
    Fixture bf16(Arithmetic::kBf16);
    Fixture fp32(Arithmetic::kFp32);
    bf16.network.pack(bf16.parameters.span());
    fp32.network.pack(fp32.parameters.span());
    const Buffer<float> a = bf16.gradient();
    const Buffer<float> b = fp32.gradient();
    double difference = 0.0;
    double size = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += std::pow(double{a[i]} - double{b[i]}, 2);
        size += std::pow(double{b[i]}, 2);
    }
    // A factor is rounded by at most 2^-9 of itself; two factors in each of up to three products on the way
    // to an element, and errors of either sign, stay below ten times that. Without rounding there would be
    // none.
    const double relative = std::sqrt(difference / size);
    CHECK(relative < 10 * 0x1p-9);
    CHECK(relative > 0x1p-12);
}

TEST_CASE("network: copies of the weights are counted before they are made, and fp32 has none") {
    CHECK(Fixture(Arithmetic::kFp32).network.packed_bytes() == 0);
    // Layer 0, 30 × 50, forward alone: one block of depth, two panels of 32 columns. Layer 1, 50 × 7: two
    // blocks, one panel; and transposed 7 × 50: one block, two panels. Two bytes a value.
    CHECK(Fixture(Arithmetic::kBf16).network.packed_bytes() == (2 + 2 + 2) * 32 * 32 * 2);
}
