// The element-wise kernels on registers. The register type comes from the simd_vec_*.h included before.
#pragma once

#include <cstddef>

#include "core/arithmetic/kernels.h"

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
void tanh_simd(const float* x, float* y, std::size_t count) {
    map(x, y, count, [](Vec v) { return tanh(v); });
}
void sigmoid_simd(const float* x, float* y, std::size_t count) {
    map(x, y, count, [](Vec v) { return sigmoid_of_minus(-v); });
}

void activate_simd(Activation f, float* values, std::size_t count) {
    with_activation(f, [&](const auto& function) { map(values, values, count, function); });
}

void multiply_by_derivative_simd(Activation f, const float* y, float* delta, std::size_t count) {
    with_derivative(f, [&](const auto& function) {
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

void sgd_simd(const SgdTask& t) {
    const Vec mean_factor = broadcast(t.mean_factor);
    const Vec learning_rate = broadcast(t.learning_rate);
    const Vec momentum = broadcast(t.momentum);
    for_registers(t.count, [&](std::size_t i, auto access) {
        const Vec g = access.read(t.gradient_sum + i) * mean_factor;
        const Vec delta = fma(momentum, access.read(t.delta + i), -(learning_rate * g));
        access.write(t.delta + i, delta);
        access.write(t.w + i, access.read(t.w + i) + delta);
    });
}

void adam_simd(const AdamTask& t) {
    const Vec beta1 = broadcast(t.beta1);
    const Vec beta2 = broadcast(t.beta2);
    const Vec rest1 = broadcast(1.0F - t.beta1);
    const Vec rest2 = broadcast(1.0F - t.beta2);
    for_registers(t.count, [&](std::size_t i, auto access) {
        const Vec g = access.read(t.gradient_sum + i) * broadcast(t.mean_factor);
        const Vec m = fma(beta1, access.read(t.m + i), rest1 * g);
        const Vec v = fma(beta2, access.read(t.v + i), rest2 * (g * g));
        access.write(t.m + i, m);
        access.write(t.v + i, v);
        const Vec scaled = broadcast(t.learning_rate) * (m * broadcast(t.correction1));
        const Vec root = square_root(v * broadcast(t.correction2));
        access.write(t.w + i, access.read(t.w + i) - scaled / (root + broadcast(t.epsilon)));
    });
}

}  // namespace
}  // namespace lockstep
