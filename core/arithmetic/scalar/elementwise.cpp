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
    table.sigmoid = sigmoid_scalar;
    table.activate = activate_scalar;
    table.multiply_by_derivative = multiply_by_derivative_scalar;
    table.softmax = softmax_scalar;
    table.add = add_scalar;
    table.all_finite = all_finite_scalar;
    table.add_scaled = add_scaled_scalar;
    table.scale = scale_scalar;
    table.square_sum = square_sum_scalar;
}

}  // namespace lockstep
