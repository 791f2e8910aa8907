// What the arithmetic tests share: values that tell orders of summation apart, matrices with guarded margins,
// and the comparison of bits.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/arithmetic/elementwise.h"
#include "core/base/matrix.h"
#include "core/base/require.h"
#include "core/base/threads.h"

namespace lockstep::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kSmallest = std::numeric_limits<float>::min();
inline constexpr float kLargest = std::numeric_limits<float>::max();
inline constexpr float kDenormal = std::numeric_limits<float>::denorm_min();

using Random = std::mt19937_64;

/// A seed that differs from run to run, printed so that a failure can be repeated: LOCKSTEP_TEST_SEED sets
/// it.
inline std::uint64_t changing_seed() {
    static const std::uint64_t seed = [] {
        const char* given = std::getenv("LOCKSTEP_TEST_SEED");
        const std::uint64_t value = given != nullptr ? std::stoull(given) : std::random_device{}();
        fmt::print("changing seed: LOCKSTEP_TEST_SEED={}\n", value);
        return value;
    }();
    return seed;
}

inline std::size_t uniform(Random& random, std::size_t low, std::size_t high) {
    return std::uniform_int_distribution<std::size_t>(low, high)(random);
}

/// Values whose sums depend on the order: signs mixed, exponents over 2^±8, all mantissa bits used.
inline float ordinary(Random& random) {
    const float mantissa = std::uniform_real_distribution<float>(1.0F, 2.0F)(random);
    const float value = std::ldexp(mantissa, static_cast<int>(uniform(random, 0, 16)) - 8);
    return uniform(random, 0, 1) == 0 ? value : -value;
}

/// Any bit pattern at all, and now and then one of the values that kernels get wrong.
inline float any_float(Random& random) {
    static constexpr float kSpecial[] = {
        0.0F,      -0.0F,     kInfinity,  -kInfinity, kNan,  kSmallest,        -kSmallest,      kLargest,
        -kLargest, kDenormal, -kDenormal, 1.0F,       -1.0F, kSmallest / 2.0F, 0x1.fffffep-127F};
    if (uniform(random, 0, 3) == 0) return kSpecial[uniform(random, 0, std::size(kSpecial) - 1)];
    return std::bit_cast<float>(static_cast<std::uint32_t>(random()));
}

/// Mostly ordinary, rarely special, so that a NaN or an infinity stays in a few elements of a product.
inline float mostly_ordinary(Random& random) {
    return uniform(random, 0, 63) == 0 ? any_float(random) : ordinary(random);
}

/// Equal bits; the payload of a NaN is not part of the promise.
inline bool same(float a, float b) {
    return (std::isnan(a) && std::isnan(b)) ||
           std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

/// Index of the first difference, or the size.
inline std::size_t first_difference(std::span<const float> a, std::span<const float> b) {
    std::size_t i = 0;
    while (i < a.size() && same(a[i], b[i])) ++i;
    return i;
}

/// A matrix inside a larger array: any start, any stride, and margins that no kernel may write to.
class GuardedMatrix {
  public:
    GuardedMatrix(std::size_t rows, std::size_t cols, std::size_t stride, std::size_t offset)
        : rows_(rows),
          cols_(cols),
          stride_(stride),
          start_(kMargin + offset),
          values_(start_ + rows * stride + kMargin, kGuard) {}
    GuardedMatrix(std::size_t rows, std::size_t cols, Random& random)
        : GuardedMatrix(rows, cols, cols + (uniform(random, 0, 1) == 0 ? 0 : uniform(random, 1, 37)),
                        uniform(random, 0, 15)) {}

    template <class Draw>
    GuardedMatrix& fill(Random& random, Draw draw) {
        for (std::size_t r = 0; r < rows_; ++r) {
            for (float& value : view().row(r)) value = draw(random);
        }
        return *this;
    }

    [[nodiscard]] Matrix view() { return {values_.data() + start_, rows_, cols_, stride_}; }
    [[nodiscard]] ConstMatrix view() const { return {values_.data() + start_, rows_, cols_, stride_}; }
    /// All memory, margins included: equal arrays mean equal results and untouched margins.
    [[nodiscard]] std::span<const float> memory() const { return values_; }

  private:
    static constexpr std::size_t kMargin = 64;
    static constexpr float kGuard = 12345.678F;
    std::size_t rows_, cols_, stride_, start_;
    std::vector<float> values_;
};

/// Uses one instruction set for as long as the object lives.
class UseInstructionSet {
  public:
    explicit UseInstructionSet(InstructionSet isa) : before_(instruction_set()) { use_instruction_set(isa); }
    ~UseInstructionSet() { use_instruction_set(before_); }
    UseInstructionSet(const UseInstructionSet&) = delete;
    UseInstructionSet& operator=(const UseInstructionSet&) = delete;

  private:
    InstructionSet before_;
};

/// Uses a number of threads for as long as the object lives.
class UseThreads {
  public:
    explicit UseThreads(int count) : before_(thread_count()) { set_thread_count(count); }
    ~UseThreads() { set_thread_count(before_); }
    UseThreads(const UseThreads&) = delete;
    UseThreads& operator=(const UseThreads&) = delete;

  private:
    int before_;
};

/// The sets to hold against scalar. test_instruction_set.cpp reports those that this CPU lacks.
inline std::vector<InstructionSet> vector_sets() {
    std::vector<InstructionSet> sets = available_instruction_sets();
    sets.erase(sets.begin());
    return sets;
}

inline std::string where(InstructionSet isa, const std::string& what) {
    return fmt::format("{}: {}", name(isa), what);
}

/// tanh as the activation has it, with the shape of exp_values.
inline void tanh_values(std::span<const float> x, std::span<float> y) {
    require(x.size() == y.size(), "tanh_values: x and y differ in size");
    if (x.data() != y.data()) std::ranges::copy(x, y.begin());
    activate({ActivationKind::kTanh}, {y.data(), 1, y.size()});
}

}  // namespace lockstep::test
