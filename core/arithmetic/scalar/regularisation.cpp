// The scalar reference of dropout and of the bound on norms: oracle of the tests and fallback of every CPU.
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/base/philox.h"

namespace lockstep {

namespace {

void drop_out_scalar(const DropoutTask& t) {
    const float scale = 1.0F / (1.0F - t.rate);
    for (std::size_t r = 0; r < t.samples; ++r) {
        for (std::size_t u = 0; u < t.units; ++u) {
            const PhiloxCounter words =
                philox4x32({static_cast<std::uint32_t>(u / 64 * 16 + u % 16),
                            t.first + static_cast<std::uint32_t>(r), t.step, t.purpose},
                           {t.key[0], t.key[1]});
            const bool silent = uniform01(words[u % 64 / 16]) < t.rate;
            t.dropped.data[r * t.dropped.stride + u] =
                silent ? -0.0F : t.y.data[r * t.y.stride + u] * scale + 0.0F;
        }
    }
}

void mask_dropped_scalar(float rate, const float* dropped, float* delta, std::size_t count) {
    const float scale = 1.0F / (1.0F - rate);
    for (std::size_t i = 0; i < count; ++i) {
        const bool silent = std::bit_cast<std::uint32_t>(dropped[i]) == 0x80000000U;
        delta[i] = silent ? 0.0F : delta[i] * scale;
    }
}

void limit_columns_scalar(Rows w, std::size_t rows, std::size_t cols, float limit) {
    for (std::size_t c = 0; c < cols; ++c) {
        double sum = 0.0;
        for (std::size_t r = 0; r < rows; ++r) {
            const auto value = static_cast<double>(w.data[r * w.stride + c]);
            sum += value * value;
        }
        const auto most = static_cast<double>(limit);
        if (!(sum > most * most) || std::isinf(sum)) continue;
        const auto factor = static_cast<float>(most / std::sqrt(sum));
        for (std::size_t r = 0; r < rows; ++r) w.data[r * w.stride + c] *= factor;
    }
}

}  // namespace

void fill_scalar_regularisation(Kernels& table) {
    table.drop_out = drop_out_scalar;
    table.mask_dropped = mask_dropped_scalar;
    table.limit_columns = limit_columns_scalar;
}

}  // namespace lockstep
