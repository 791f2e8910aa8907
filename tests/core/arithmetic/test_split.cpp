// Products of split operands: the definition, with faults that the check must notice; which sums are fp32's
// instead; and how accurate the result is. That every path gives the scalar bits is tested with bf16's.
#include <algorithm>
#include <array>
#include <functional>

#include "core/arithmetic/bf16_gemm.h"
#include "core/arithmetic/bf16_rounding.h"
#include "core/arithmetic/gemm.h"
#include "core/base/leaf_tree.h"
#include "tests/core/arithmetic/simd/bf16_paths.h"

namespace lockstep::test {
namespace {

float to_bf16(float value) { return scalar::from_bf16(scalar::to_bf16(value)); }

std::array<float, 3> parts(float x) {
    const float high = to_bf16(x);
    const float middle = to_bf16(x - high);
    return {high, middle, to_bf16(x - high - middle)};
}

using Pairs = std::vector<std::pair<int, int>>;
/// The parts of a and of b that meet in each sweep, in order: 0 high, 1 middle, 2 low.
using SweepPairs = std::vector<Pairs>;
const SweepPairs kDefinition{{{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}}, {{0, 0}}};

float split_sum(const std::vector<float>& a, const std::vector<float>& b,
                const SweepPairs& sweeps = kDefinition) {
    float c = 0.0F;
    for (const Pairs& pairs : sweeps) {
        for (std::size_t i = 0; i < (a.size() + 31) / 32 * pairs.size(); ++i) {
            const std::size_t block = i / pairs.size() * 32;
            const auto& [of_a, of_b] = pairs[i % pairs.size()];
            std::array<float, 2> chain{0.0F, 0.0F};
            for (std::size_t k = block; k < block + 32; ++k) {
                const float x = k < a.size() ? parts(a[k])[static_cast<std::size_t>(of_a)] : 0.0F;
                const float y = k < a.size() ? parts(b[k])[static_cast<std::size_t>(of_b)] : 0.0F;
                chain[k % 2] = std::fma(x, y, chain[k % 2]);
            }
            c = c + (chain[0] + chain[1]);
        }
    }
    return c;
}

float fp32_sum(const std::vector<float>& a, const std::vector<float>& b) {
    float c = 0.0F;
    for (std::size_t k = 0; k < a.size(); ++k) c = std::fma(a[k], b[k], c);
    return c;
}

/// The rule of split_guard.h, written from its text.
bool may_be_split(const std::vector<float>& a, const std::vector<float>& b) {
    struct Exponents {
        int least = 1000, largest = -1000;
        bool finite = true;
        explicit Exponents(const std::vector<float>& values) {
            for (const float value : values) {
                if (!std::isfinite(value)) finite = false;
                if (value == 0.0F || !std::isfinite(value)) continue;
                least = std::min(least, std::ilogb(value));
                largest = std::max(largest, std::ilogb(value));
            }
        }
    };
    const Exponents of_a(a);
    const Exponents of_b(b);
    if (!of_a.finite || !of_b.finite || of_a.largest > 126 || of_b.largest > 126) return false;
    if (of_a.largest == -1000 || of_b.largest == -1000) return true;
    const int depth_bits = static_cast<int>(std::bit_width(a.size()));
    return of_a.least >= -102 && of_b.least >= -102 && of_a.least + of_b.least >= -100 &&
           of_a.largest + of_b.largest + 2 + depth_bits <= 126;
}

std::vector<float> row(ConstMatrix m, std::size_t r) { return {m.row(r).begin(), m.row(r).end()}; }
std::vector<float> column(ConstMatrix m, std::size_t c, std::size_t first, std::size_t count) {
    std::vector<float> values;
    for (std::size_t r = first; r < first + count; ++r) values.push_back(m(r, c));
    return values;
}

float tree_of(std::span<const float> leaves) {
    if (leaves.size() == 1) return leaves[0];
    const std::size_t middle = split_point(leaves.size());
    return tree_of(leaves.first(middle)) + tree_of(leaves.subspan(middle));
}

/// What each sum is made of, and how often.
struct Made {
    int of_parts = 0, of_fp32 = 0;
    float sum(const std::vector<float>& a, const std::vector<float>& b) {
        const bool split = may_be_split(a, b);
        ++(split ? of_parts : of_fp32);
        return split ? split_sum(a, b) : fp32_sum(a, b);
    }
};

/// Ordinary values, but for a few rows and columns that hold one of the values a split cannot keep.
void spoil(Matrix m, Random& random) {
    static constexpr float kSpoilers[] = {kInfinity,   -kInfinity,   kNan,      kLargest,  0x1p+127F,
                                          0x1.8p+100F, 0x1p-101F,    0x1p-103F, kSmallest, kDenormal,
                                          0x1p-95F,    -0x1.3p-120F, 0x1p+126F};
    for (int i = 0; i < 4; ++i) {
        m(uniform(random, 0, m.rows - 1), uniform(random, 0, m.cols - 1)) =
            kSpoilers[uniform(random, 0, std::size(kSpoilers) - 1)];
    }
    for (float& value : m.row(uniform(random, 0, m.rows - 1))) value = 0.0F;
}

}  // namespace

TEST_CASE("split: the three parts of a value add up to it") {
    const ContractFloatMode mode;
    Random random(1);
    for (int i = 0; i < 100000; ++i) {
        const float x = std::ldexp(ordinary(random), static_cast<int>(uniform(random, 0, 200)) - 94);
        const auto [high, middle, low] = parts(x);
        CHECK(double{high} + double{middle} + double{low} == double{x});
    }
}

TEST_CASE(
    "split: scalar products follow the definition, and the check rejects other orders and fewer products") {
    const ContractFloatMode mode;
    Random random(2);
    const Bf16Kernels scalar = scalar_bf16_kernels(Bf16Form::kSplit);
    const std::vector<SweepPairs> faults{{{{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}, {0, 0}}},
                                         {{{0, 0}}, {{2, 0}, {0, 2}, {1, 1}, {1, 0}, {0, 1}}},
                                         {{{1, 1}, {1, 0}, {0, 1}}, {{0, 0}}},
                                         {{{0, 0}}}};
    std::vector<int> differing(faults.size(), 0);
    for (const std::size_t depth : {1, 2, 5, 31, 32, 33, 64, 100, 100, 100, 100}) {
        auto a = GuardedMatrix(4, depth, random).fill(random, ordinary);
        auto b = GuardedMatrix(depth, 5, random).fill(random, ordinary);
        // Products that nearly cancel: the small ones then decide about the sum.
        for (std::size_t k = 2; k + 2 < depth; k += 4) {
            for (std::size_t r = 0; r < 4; ++r) a.view()(r, k + 2) = a.view()(r, k) * (1.0F + 0x1p-15F);
            for (std::size_t col = 0; col < 5; ++col) b.view()(k + 2, col) = -b.view()(k, col);
        }
        GuardedMatrix c(4, 5, random);
        multiply(scalar, a.view(), packed(scalar, b.view(), false, Bf16Form::kSplit), c.view());
        for (std::size_t r = 0; r < 4; ++r) {
            for (std::size_t col = 0; col < 5; ++col) {
                const std::vector<float> of_a = row(a.view(), r);
                const std::vector<float> of_b = column(b.view(), col, 0, depth);
                CHECK(same(c.view()(r, col), split_sum(of_a, of_b)));
                for (std::size_t f = 0; f < faults.size(); ++f) {
                    if (!same(c.view()(r, col), split_sum(of_a, of_b, faults[f]))) ++differing[f];
                }
            }
        }
    }
    // The planted faults: were they not seen, the comparison above could not fail.
    for (std::size_t f = 0; f < faults.size(); ++f) {
        INFO("fault " << f);
        CHECK(differing[f] > 20);
    }
}

TEST_CASE("split: sums that the parts would spoil are fp32's, on every instruction set and any threads") {
    const ContractFloatMode mode;
    Random random(changing_seed() + 11);
    Made made;
    for (int repeat = 0; repeat < 12; ++repeat) {
        const std::size_t b = uniform(random, 1, 80);
        const std::size_t in = uniform(random, 1, 70);
        const std::size_t out = uniform(random, 1, 70);
        const std::size_t leaf = uniform(random, 1, 40);
        auto x = GuardedMatrix(b, in, random).fill(random, ordinary);
        auto w = GuardedMatrix(in, out, random).fill(random, ordinary);
        auto delta = GuardedMatrix(b, out, random).fill(random, ordinary);
        for (const Matrix m : {x.view(), w.view(), delta.view()}) spoil(m, random);

        GuardedMatrix y(b, out, random);
        GuardedMatrix below(b, in, random);
        GuardedMatrix dw(in, out, random);
        const GuardedMatrix blank_y = y;
        for (std::size_t r = 0; r < b; ++r) {
            for (std::size_t o = 0; o < out; ++o)
                y.view()(r, o) = made.sum(row(x.view(), r), column(w.view(), o, 0, in));
            for (std::size_t i = 0; i < in; ++i)
                below.view()(r, i) = made.sum(row(delta.view(), r), row(w.view(), i));
        }
        for (std::size_t i = 0; i < in; ++i) {
            for (std::size_t o = 0; o < out; ++o) {
                std::vector<float> leaves;
                for (std::size_t s = 0; s < b; s += leaf) {
                    const std::size_t count = std::min(leaf, b - s);
                    leaves.push_back(
                        made.sum(column(x.view(), i, s, count), column(delta.view(), o, s, count)));
                }
                dw.view()(i, o) = tree_of(leaves);
            }
        }
        for (const InstructionSet isa : available_instruction_sets()) {
            for (const int threads : {1, 2}) {
                INFO(where(isa, fmt::format("{} threads, {} x {} x {}, leaf {}", threads, b, in, out, leaf)));
                const UseInstructionSet use(isa);
                const UseThreads use_threads(threads);
                PackedWeights packed_w(in, out, true, Bf16Form::kSplit);
                packed_w.pack(w.view());
                GuardedMatrix got_y = y;
                GuardedMatrix got_below = below;
                GuardedMatrix got_dw = dw;
                for (const Matrix m : {got_y.view(), got_below.view(), got_dw.view()})
                    for (std::size_t r = 0; r < m.rows; ++r) std::ranges::fill(m.row(r), -7.0F);
                bf16_forward(x.view(), packed_w, {}, {}, got_y.view());
                bf16_input_delta(delta.view(), packed_w, {}, {}, got_below.view());
                bf16_weight_gradient(x.view(), delta.view(), leaf, got_dw.view(), Bf16Form::kSplit);
                CHECK(first_difference(got_y.memory(), y.memory()) == y.memory().size());
                CHECK(first_difference(got_below.memory(), below.memory()) == below.memory().size());
                CHECK(first_difference(got_dw.memory(), dw.memory()) == dw.memory().size());
            }
        }
    }
    CHECK(made.of_parts > 1000);
    CHECK(made.of_fp32 > 1000);
}

TEST_CASE("split: Inf, NaN and overflow come out where fp32 has them") {
    const ContractFloatMode mode;
    Random random(4);
    auto x = GuardedMatrix(40, 70, random).fill(random, ordinary);
    auto w = GuardedMatrix(70, 50, random).fill(random, ordinary);
    spoil(x.view(), random);
    spoil(w.view(), random);
    x.view()(3, 5) = kLargest;
    x.view()(4, 6) = kNan;
    w.view()(7, 8) = kInfinity;
    GuardedMatrix expected(40, 50, random);
    dense_forward(x.view(), w.view(), {}, {}, expected.view());
    PackedWeights packed_w(70, 50, false, Bf16Form::kSplit);
    packed_w.pack(w.view());
    GuardedMatrix y(40, 50, random);
    bf16_forward(x.view(), packed_w, {}, {}, y.view());
    int special = 0;
    for (std::size_t r = 0; r < 40; ++r) {
        for (std::size_t o = 0; o < 50; ++o) {
            const float want = expected.view()(r, o);
            if (std::isfinite(want)) {
                CHECK(std::isfinite(y.view()(r, o)));
            } else {
                ++special;
                CHECK(same(y.view()(r, o), want));
            }
        }
    }
    CHECK(special > 100);
}

TEST_CASE("split: no less accurate than fp32's chain, on normal and on wide-range values") {
    const ContractFloatMode mode;
    Random random(5);
    const std::size_t b = 32;
    const std::size_t in = 784;
    const std::size_t out = 48;
    std::normal_distribution<float> normal;
    struct Errors {
        double most = 0.0, squares = 0.0;
        void add(double error) {
            most = std::max(most, error);
            squares += error * error;
        }
    };
    for (const int spread : {0, 10, 30}) {
        const auto draw = [&](Random& from) {
            const int exponent = static_cast<int>(uniform(from, 0, 2 * static_cast<std::size_t>(spread)));
            return std::ldexp(normal(from), exponent - spread);
        };
        const auto x = GuardedMatrix(b, in, random).fill(random, draw);
        const auto w = GuardedMatrix(in, out, random).fill(random, draw);
        GuardedMatrix of_fp32(b, out, random);
        GuardedMatrix of_split(b, out, random);
        dense_forward(x.view(), w.view(), {}, {}, of_fp32.view());
        PackedWeights packed_w(in, out, false, Bf16Form::kSplit);
        packed_w.pack(w.view());
        bf16_forward(x.view(), packed_w, {}, {}, of_split.view());
        Errors fp32;
        Errors split;
        for (std::size_t r = 0; r < b; ++r) {
            for (std::size_t o = 0; o < out; ++o) {
                long double exact = 0.0L;
                long double size = 0.0L;
                for (std::size_t k = 0; k < in; ++k) {
                    const long double product =
                        static_cast<long double>(x.view()(r, k)) * static_cast<long double>(w.view()(k, o));
                    exact += product;
                    size += std::fabs(product);
                }
                const auto error = [&](float value) {
                    return static_cast<double>(std::fabs(static_cast<long double>(value) - exact) / size);
                };
                fp32.add(error(of_fp32.view()(r, o)));
                split.add(error(of_split.view()(r, o)));
            }
        }
        MESSAGE(fmt::format(
            "N(0,1) * 2^[-{0},{0}]: largest error of |A||B| {1:.1e}, fp32's chain {2:.1e}; rms {3:.1e}, "
            "{4:.1e}",
            spread, split.most, fp32.most, std::sqrt(split.squares / static_cast<double>(b * out)),
            std::sqrt(fp32.squares / static_cast<double>(b * out))));
        CHECK(split.most <= fp32.most);
        CHECK(split.squares <= fp32.squares);
    }
}

}  // namespace lockstep::test
