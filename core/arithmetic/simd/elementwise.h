// The element-wise kernels on registers. The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

#include "core/arithmetic/dispatch/kernels.h"

namespace lockstep {
namespace {

/// step(i, whole) for each register of [0, count), the last one with a mask where it is not full.
/// `step` takes (first value, load, store), the two being how its memory is touched.
struct WholeAccess {
    static Vec read(const float* p) { return load(p); }
    static void write(float* p, Vec v) { store(p, v); }
    static Vec masked(Vec v) { return v; }
};
struct PartAccess {
    Mask mask;
    [[nodiscard]] Vec read(const float* p) const { return load(p, mask); }
    void write(float* p, Vec v) const { store(p, v, mask); }
    [[nodiscard]] Vec masked(Vec v) const { return only(v, mask); }
};
template <class Step>
inline void for_registers(std::size_t count, const Step& step) {
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) step(i, WholeAccess{});
    if (i < count) step(i, PartAccess{first_lanes(count - i)});
}

template <class Function>
inline void map(const float* x, float* y, std::size_t count, const Function& f) {
    for_registers(count, [&](std::size_t i, auto access) { access.write(y + i, f(access.read(x + i))); });
}

void exp_simd(const float* x, float* y, std::size_t count) {
    map(x, y, count, [](Vec v) { return exp(v); });
}
void log_simd(const float* x, float* y, std::size_t count) {
    map(x, y, count, [](Vec v) { return log(v); });
}
void sigmoid_simd(const float* x, float* y, std::size_t count) {
    map(x, y, count, [](Vec v) { return sigmoid_of_minus(-v); });
}

void activate_simd(Activation f, float* values, std::size_t count) {
    with_function<Registers>(f, [&](const auto& function) { map(values, values, count, function); });
}

void multiply_by_derivative_simd(Activation f, const float* y, float* delta, std::size_t count) {
    with_derivative<Registers>(f, [&](const auto& function) {
        for_registers(count, [&](std::size_t i, auto access) {
            access.write(delta + i, function(access.read(y + i), access.read(delta + i)));
        });
    });
}

void softmax_row(const float* potential, float* probability, std::size_t classes, float* log_sum) {
    const float minus_infinity = -__builtin_inff();
    Vec maxima = broadcast(minus_infinity);
    std::size_t c = 0;
    for (; c + kLanes <= classes; c += kLanes) maxima = larger(load(potential + c), maxima);
    if (c < classes) {
        const Mask mask = first_lanes(classes - c);
        maxima = larger(select(mask, load(potential + c, mask), maxima), maxima);
    }
    // The largest of the lanes is the same in any order, but for a NaN, which makes the whole row NaN either
    // way.
    float lanes[kLanes];
    store(lanes, maxima);
    float maximum = minus_infinity;
    for (const float lane : lanes) maximum = lane > maximum ? lane : maximum;

    SixteenChains chains = sixteen_zeros();
    for_registers(classes, [&](std::size_t i, auto access) {
        const Vec e = exp(access.read(potential + i) - broadcast(maximum));
        access.write(probability + i, e);
        // A lane beyond the row adds +0, which leaves its chain as it is: no chain is ever -0.
        add_to_chains(chains, i, access.masked(e));
    });
    const float sum = tree_sum(chains);
    const Vec divisor = broadcast(sum);
    for_registers(classes, [&](std::size_t i, auto access) {
        access.write(probability + i, access.read(probability + i) / divisor);
    });
    store(log_sum, broadcast(maximum) + log(divisor), first_lanes(1));
}

void softmax_simd(const SoftmaxTask& t) {
    for (std::size_t r = 0; r < t.samples; ++r) {
        softmax_row(t.potential.data + r * t.potential.stride, t.probability.data + r * t.probability.stride,
                    t.classes, t.log_sum + r);
    }
}

void add_simd(float* into, const float* from, std::size_t count) {
    for_registers(count, [&](std::size_t i, auto access) {
        access.write(into + i, access.read(into + i) + access.read(from + i));
    });
}

bool all_finite_simd(const float* values, std::size_t count) {
    // |x| · 0 is +0 for every finite x, and NaN otherwise, which no addition takes away.
    Vec found = zero();
    for_registers(count, [&](std::size_t i, auto access) { found += access.read(values + i) * zero(); });
    return all_lanes(equal(found, zero()));
}

void add_scaled_simd(float* into, float factor, const float* from, std::size_t count) {
    for_registers(count, [&](std::size_t i, auto access) {
        access.write(into + i, fma(broadcast(factor), access.read(from + i), access.read(into + i)));
    });
}

void scale_simd(float* values, float factor, std::size_t count) {
    map(values, values, count, [factor = broadcast(factor)](Vec v) { return v * factor; });
}

/// Sixteen chains at a time: a loop that the compiler puts into registers as it is, since no order changes.
double square_sum_simd(const float* values, std::size_t count) {
    double chain[16] = {};
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (std::size_t l = 0; l < 16; ++l) {
            chain[l] += static_cast<double>(values[i + l]) * static_cast<double>(values[i + l]);
        }
    }
    for (std::size_t l = 0; i + l < count; ++l) {
        chain[l] += static_cast<double>(values[i + l]) * static_cast<double>(values[i + l]);
    }
    for (std::size_t half = 8; half > 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l) chain[l] += chain[l + half];
    }
    return chain[0];
}

}  // namespace
}  // namespace lockstep
