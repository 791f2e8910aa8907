// Dropout and the bound on norms on registers. The register type comes from the simd_vec_*.h included before.
#pragma once

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/simd/elementwise.h"

namespace lockstep {
namespace {

/// Four words of kLanes blocks: see philox.h.
struct PhiloxLanes {
    Ints words[4];
};

inline PhiloxLanes philox_lanes(PhiloxLanes c, unsigned key0, unsigned key1) {
    for (int round = 0; round < 10; ++round) {
        const WideProduct p0 = wide_product(c.words[0], 0xD2511F53U);
        const WideProduct p1 = wide_product(c.words[2], 0xCD9E8D57U);
        c.words[0] = differing(differing(p1.high, c.words[1]), ints(static_cast<int>(key0)));
        c.words[1] = p1.low;
        c.words[2] = differing(differing(p0.high, c.words[3]), ints(static_cast<int>(key1)));
        c.words[3] = p0.low;
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return c;
}

void drop_out_simd(const DropoutTask& t) {
    const Vec scale = broadcast(1.0F / (1.0F - t.rate));
    const Vec rate = broadcast(t.rate);
    const auto silence = [&](const float* y, float* dropped, Ints word, auto access) {
        const Vec uniform = to_floats(shift_right<8>(word)) * broadcast(0x1p-24F);
        const Vec kept = access.read(y) * scale + zero();
        access.write(dropped, select(less(uniform, rate), broadcast(-0.0F), kept));
    };
    for (std::size_t r = 0; r < t.samples; ++r) {
        const float* y = t.y.data + r * t.y.stride;
        float* dropped = t.dropped.data + r * t.dropped.stride;
        const auto row = static_cast<int>(t.first + static_cast<unsigned>(r));
        for (std::size_t group = 0; group < t.units; group += 64) {
            for (std::size_t lane = 0; lane < 16; lane += kLanes) {
                const Ints block = plus(ints(static_cast<int>(group / 4 + lane)), lane_numbers());
                const PhiloxLanes random = philox_lanes(
                    {{block, ints(row), ints(static_cast<int>(t.step)), ints(static_cast<int>(t.purpose))}},
                    t.key[0], t.key[1]);
                for (std::size_t j = 0; j < 4; ++j) {
                    const std::size_t u = group + 16 * j + lane;
                    if (u + kLanes <= t.units) {
                        silence(y + u, dropped + u, random.words[j], WholeAccess{});
                    } else if (u < t.units) {
                        silence(y + u, dropped + u, random.words[j], PartAccess{first_lanes(t.units - u)});
                    }
                }
            }
        }
    }
}

void mask_dropped_simd(float rate, const float* dropped, float* delta, std::size_t count) {
    const Vec scale = broadcast(1.0F / (1.0F - rate));
    for_registers(count, [&](std::size_t i, auto access) {
        const Mask silent = equal_bits(bits_of(access.read(dropped + i)), bits_of(broadcast(-0.0F)));
        access.write(delta + i, select(silent, zero(), access.read(delta + i) * scale));
    });
}

/// Some columns at a time, so that their sums stay in cache; each column's chain is as the definition has it.
void limit_columns_simd(Rows w, std::size_t rows, std::size_t cols, float limit) {
    constexpr std::size_t kColumns = 64;
    const double most = static_cast<double>(limit);
    for (std::size_t first = 0; first < cols; first += kColumns) {
        const std::size_t count = cols - first < kColumns ? cols - first : kColumns;
        double sums[kColumns] = {};
        for (std::size_t r = 0; r < rows; ++r) {
            const float* row = w.data + r * w.stride + first;
            for (std::size_t c = 0; c < count; ++c) {
                sums[c] += static_cast<double>(row[c]) * static_cast<double>(row[c]);
            }
        }
        float factors[kColumns];
        bool any = false;
        for (std::size_t c = 0; c < count; ++c) {
            const bool exceeds = sums[c] > most * most && sums[c] < __builtin_inf();
            factors[c] = exceeds ? static_cast<float>(most / __builtin_sqrt(sums[c])) : 1.0F;
            any = any || exceeds;
        }
        if (!any) continue;
        for (std::size_t r = 0; r < rows; ++r) {
            float* row = w.data + r * w.stride + first;
            for (std::size_t c = 0; c < count; ++c) {
                if (factors[c] != 1.0F) row[c] *= factors[c];
            }
        }
    }
}

}  // namespace
}  // namespace lockstep
