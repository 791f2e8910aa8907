// The scalar reference of the element-wise kernels: oracle of the tests and fallback of every CPU.
#include <algorithm>
#include <array>
#include <limits>

#include "core/arithmetic/dispatch/kernels.h"
#include "core/arithmetic/functions.h"

namespace lockstep {

namespace {

void exp_scalar(const float* x, float* y, std::size_t count) { std::transform(x, x + count, y, scalar::exp); }
void log_scalar(const float* x, float* y, std::size_t count) { std::transform(x, x + count, y, scalar::log); }
void tanh_scalar(const float* x, float* y, std::size_t count) {
    std::transform(x, x + count, y, scalar::tanh);
}
void sigmoid_scalar(const float* x, float* y, std::size_t count) {
    std::transform(x, x + count, y, [](float value) { return scalar::sigmoid_of_minus(-value); });
}

void activate_scalar(Activation f, float* values, std::size_t count) {
    with_function<scalar::Values>(
        f, [&](const auto& function) { std::transform(values, values + count, values, function); });
}

void multiply_by_derivative_scalar(Activation f, const float* y, float* delta, std::size_t count) {
    with_derivative<scalar::Values>(
        f, [&](const auto& times) { std::transform(y, y + count, delta, delta, times); });
}

void softmax_scalar(const SoftmaxTask& t) {
    for (std::size_t r = 0; r < t.samples; ++r) {
        const float* potential = t.potential.data + r * t.potential.stride;
        float* probability = t.probability.data + r * t.probability.stride;
        float maximum = -std::numeric_limits<float>::infinity();
        for (std::size_t c = 0; c < t.classes; ++c) maximum = scalar::larger(potential[c], maximum);
        std::array<float, 16> chain{};
        for (std::size_t c = 0; c < t.classes; ++c) {
            probability[c] = scalar::exp(potential[c] - maximum);
            chain[c % 16] += probability[c];
        }
        for (std::size_t half = 8; half > 0; half /= 2) {
            for (std::size_t l = 0; l < half; ++l) chain[l] += chain[l + half];
        }
        for (std::size_t c = 0; c < t.classes; ++c) probability[c] /= chain[0];
        t.log_sum[r] = maximum + scalar::log(chain[0]);
    }
}

void add_scalar(float* into, const float* from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) into[i] += from[i];
}

bool all_finite_scalar(const float* values, std::size_t count) {
    return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

/// The batch's mean gradient with that of the L2 term.
template <class Task>
float gradient_at(const Task& t, std::size_t i) {
    const float g = t.gradient_sum[i] * t.mean_factor;
    return t.l2 == 0.0F ? g : std::fma(t.l2, t.w[i], g);
}

float root_of(float r, float epsilon, bool inside) {
    return inside ? std::sqrt(r + epsilon) : std::sqrt(r) + epsilon;
}

void sgd_scalar(const SgdTask& t) {
    for (std::size_t i = 0; i < t.count; ++i) {
        const float step = t.learning_rate * gradient_at(t, i);
        t.delta[i] = std::fma(t.momentum, t.delta[i], -step);
        t.w[i] += t.nesterov ? std::fma(t.momentum, t.delta[i], -step) : t.delta[i];
    }
}

void adam_scalar(const AdamTask& t) {
    const float rest1 = 1.0F - t.beta1;
    const float rest2 = 1.0F - t.beta2;
    for (std::size_t i = 0; i < t.count; ++i) {
        const float g = gradient_at(t, i);
        t.m[i] = std::fma(t.beta1, t.m[i], rest1 * g);
        t.v[i] = std::fma(t.beta2, t.v[i], rest2 * (g * g));
        const float scaled = t.learning_rate * (t.m[i] * t.correction1);
        t.w[i] = t.w[i] * t.shrink - scaled / root_of(t.v[i] * t.correction2, t.epsilon, t.inside);
    }
}

void lamb_direction_scalar(const LambTask& t) {
    const float rest1 = 1.0F - t.beta1;
    const float rest2 = 1.0F - t.beta2;
    for (std::size_t i = 0; i < t.count; ++i) {
        const float g = t.gradient_sum[i] * t.mean_factor;
        t.m[i] = std::fma(t.beta1, t.m[i], rest1 * g);
        t.v[i] = std::fma(t.beta2, t.v[i], rest2 * (g * g));
        const float root = root_of(t.v[i] * t.correction2, t.epsilon, t.inside);
        t.direction[i] = std::fma(t.weight_decay, t.w[i], t.m[i] * t.correction1 / root);
    }
}

void adaptive_scalar(const AdaptiveTask& t) {
    for (std::size_t i = 0; i < t.count; ++i) {
        const float g = gradient_at(t, i);
        t.r[i] = std::fma(t.keep, t.r[i], t.gain * (g * g));
        const float step = t.learning_rate * g / root_of(t.r[i], t.epsilon, t.inside);
        if (t.delta == nullptr) {
            t.w[i] -= step;
        } else {
            t.delta[i] = std::fma(t.momentum, t.delta[i], -step);
            t.w[i] += t.delta[i];
        }
    }
}

void adadelta_scalar(const AdadeltaTask& t) {
    const float rest = 1.0F - t.rho;
    for (std::size_t i = 0; i < t.count; ++i) {
        const float g = gradient_at(t, i);
        t.r[i] = std::fma(t.rho, t.r[i], rest * (g * g));
        const float d = std::sqrt(t.s[i] + t.epsilon) / std::sqrt(t.r[i] + t.epsilon) * g;
        t.s[i] = std::fma(t.rho, t.s[i], rest * (d * d));
        t.w[i] = std::fma(-t.learning_rate, d, t.w[i]);
    }
}

void add_scaled_scalar(float* into, float factor, const float* from, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) into[i] = std::fma(factor, from[i], into[i]);
}

void scale_scalar(float* values, float factor, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) values[i] *= factor;
}

double square_sum_scalar(const float* values, std::size_t count) {
    std::array<double, 16> chain{};
    for (std::size_t i = 0; i < count; ++i) {
        const auto value = static_cast<double>(values[i]);
        chain[i % 16] += value * value;
    }
    for (std::size_t half = 8; half > 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l) chain[l] += chain[l + half];
    }
    return chain[0];
}

}  // namespace

void fill_scalar_elementwise(Kernels& table) {
    table.exp = exp_scalar;
    table.log = log_scalar;
    table.tanh = tanh_scalar;
    table.sigmoid = sigmoid_scalar;
    table.activate = activate_scalar;
    table.multiply_by_derivative = multiply_by_derivative_scalar;
    table.softmax = softmax_scalar;
    table.add = add_scalar;
    table.all_finite = all_finite_scalar;
    table.sgd = sgd_scalar;
    table.adaptive = adaptive_scalar;
    table.adadelta = adadelta_scalar;
    table.adam = adam_scalar;
    table.lamb_direction = lamb_direction_scalar;
    table.add_scaled = add_scaled_scalar;
    table.scale = scale_scalar;
    table.square_sum = square_sum_scalar;
}

}  // namespace lockstep
