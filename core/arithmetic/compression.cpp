#include "core/arithmetic/compression.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>

#include "core/arithmetic/bf16_rounding.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

float rounded(float value) { return scalar::from_bf16(scalar::to_bf16(value)); }

std::uint32_t magnitude(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU; }

/// The magnitude of the `keep`-th largest of a block. A count by exponents finds those among which it is.
/// Requires 0 < keep <= magnitudes.size().
std::uint32_t threshold_of(std::span<const std::uint32_t> magnitudes, std::size_t keep) {
    constexpr int kMantissa_bits = 23;
    std::array<std::uint16_t, 256> of_exponent{};
    for (const std::uint32_t m : magnitudes) ++of_exponent[m >> kMantissa_bits];
    std::uint32_t exponent = of_exponent.size() - 1;
    for (; of_exponent[exponent] < keep; --exponent) keep -= of_exponent[exponent];
    std::array<std::uint32_t, kKeepBlock> candidates;
    std::size_t count = 0;
    for (const std::uint32_t m : magnitudes) {
        candidates[count] = m;
        count += m >> kMantissa_bits == exponent ? 1 : 0;
    }
    const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(keep - 1);
    std::nth_element(candidates.begin(), last, candidates.begin() + static_cast<std::ptrdiff_t>(count),
                     std::greater<>());
    return *last;
}

void keep_largest_of_block(std::span<float> values, std::span<float> residual, std::size_t keep) {
    std::array<std::uint32_t, kKeepBlock> magnitudes;
    for (std::size_t i = 0; i < values.size(); ++i) {
        residual[i] = values[i] + residual[i];
        magnitudes[i] = magnitude(residual[i]);
    }
    const auto all = std::span(magnitudes).first(values.size());
    const std::uint32_t threshold = threshold_of(all, keep);
    // The places that the larger ones leave to those as large as the threshold.
    std::size_t places =
        keep - static_cast<std::size_t>(std::ranges::count_if(all, [&](auto m) { return m > threshold; }));
    for (std::size_t i = 0; i < values.size(); ++i) {
        bool kept = magnitudes[i] > threshold;
        if (magnitudes[i] == threshold && places > 0) {
            kept = true;
            --places;
        }
        values[i] = kept ? residual[i] : 0.0F;
        residual[i] = kept ? 0.0F : residual[i];
    }
}

}  // namespace

void round_to_bf16(std::span<float> values) {
    for (float& value : values) value = rounded(value);
}

void add_rounded(std::span<float> into, std::span<const float> from) {
    const ContractFloatMode float_mode;
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = rounded(into[i] + from[i]);
}

std::size_t kept_of(std::size_t block, double share) {
    const double kept = std::ceil(share * static_cast<double>(block));
    return std::clamp(static_cast<std::size_t>(kept), std::size_t{1}, block);
}

void keep_largest(std::span<float> values, std::span<float> residual, double share) {
    share_range(values.size(), kValuesPerThread, kKeepBlock, [&](std::size_t begin, std::size_t end) {
        const ContractFloatMode float_mode;
        for (std::size_t first = begin; first < end; first += kKeepBlock) {
            const std::size_t count = std::min(kKeepBlock, end - first);
            keep_largest_of_block(values.subspan(first, count), residual.subspan(first, count),
                                  kept_of(count, share));
        }
    });
}

}  // namespace lockstep
