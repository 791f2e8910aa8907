#include "core/network/objective.h"

#include <algorithm>
#include <cmath>

#include "core/arithmetic/elementwise.h"

namespace lockstep {

namespace {

/// t_c of sample r, whichever kind the targets are.
float target_value(const Targets& targets, std::size_t r, std::size_t c) {
    if (targets.labels.empty()) return targets.values(r, c);
    return static_cast<std::size_t>(targets.labels[r]) == c ? 1.0F : 0.0F;
}

std::size_t argmax(std::span<const float> values) {
    return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

void softmax_cross_entropy(ConstMatrix potential, const Targets& targets, Matrix delta,
                           std::span<SampleMetrics> metrics, std::span<float> log_sum) {
    softmax_rows(potential, delta, log_sum);
    for (std::size_t r = 0; r < potential.rows; ++r) {
        SampleMetrics& sample = metrics[r];
        if (!targets.labels.empty()) {
            const auto label = static_cast<std::size_t>(targets.labels[r]);
            sample.loss = static_cast<double>(log_sum[r]) - static_cast<double>(potential(r, label));
            sample.correct = argmax(potential.row(r)) == label ? 1.0 : 0.0;
            delta(r, label) -= 1.0F;
            continue;
        }
        sample.loss = 0.0;
        for (std::size_t c = 0; c < potential.cols; ++c) {
            const float t = targets.values(r, c);
            sample.loss += static_cast<double>(t) *
                           (static_cast<double>(log_sum[r]) - static_cast<double>(potential(r, c)));
            delta(r, c) -= t;
        }
        sample.correct = argmax(potential.row(r)) == argmax(targets.values.row(r)) ? 1.0 : 0.0;
    }
}

void sigmoid_cross_entropy(ConstMatrix potential, const Targets& targets, Matrix delta,
                           std::span<SampleMetrics> metrics) {
    for (std::size_t r = 0; r < potential.rows; ++r) {
        const std::span<const float> xi = potential.row(r);
        const std::span<float> row = delta.row(r);
        // The row of delta first holds log(1 + exp(−|ξ|)), then the delta itself.
        for (std::size_t c = 0; c < xi.size(); ++c) row[c] = -std::fabs(xi[c]);
        exp_values(row, row);
        for (float& value : row) value = 1.0F + value;
        log_values(row, row);
        SampleMetrics& sample = metrics[r];
        sample = {0.0, 1.0};
        for (std::size_t c = 0; c < xi.size(); ++c) {
            const float t = target_value(targets, r, c);
            // Not std::max: a NaN potential must make the loss NaN.
            const float positive = 0.0F > xi[c] ? 0.0F : xi[c];
            sample.loss += static_cast<double>(positive) -
                           static_cast<double>(t) * static_cast<double>(xi[c]) + static_cast<double>(row[c]);
            if ((xi[c] > 0.0F) != (t > 0.5F)) sample.correct = 0.0;
        }
        sigmoid_values(xi, row);
        for (std::size_t c = 0; c < xi.size(); ++c) row[c] -= target_value(targets, r, c);
    }
}

void square_error(Activation f, ConstMatrix y, const Targets& targets, Matrix delta,
                  std::span<SampleMetrics> metrics) {
    for (std::size_t r = 0; r < y.rows; ++r) {
        double loss = 0.0;
        for (std::size_t c = 0; c < y.cols; ++c) {
            const float difference = y(r, c) - target_value(targets, r, c);
            loss += 0.5 * static_cast<double>(difference) * static_cast<double>(difference);
            delta(r, c) = difference;
        }
        metrics[r] = {loss, 0.0};
    }
    multiply_by_derivative(f, y, delta);
}

}  // namespace

Objective::Objective(const NetworkSpec& spec)
    : loss_(spec.loss), softmax_(spec.layers.back().softmax), activation_(spec.layers.back().activation) {}

Activation Objective::layer_activation() const {
    return loss_ == Loss::kCrossEntropy ? Activation{} : activation_;
}

void Objective::evaluate(ConstMatrix output, const Targets& targets, Matrix delta,
                         std::span<SampleMetrics> metrics, std::span<float> scratch) const {
    if (loss_ == Loss::kSquareError) {
        square_error(activation_, output, targets, delta, metrics);
    } else if (softmax_) {
        softmax_cross_entropy(output, targets, delta, metrics, scratch.first(output.rows));
    } else {
        sigmoid_cross_entropy(output, targets, delta, metrics);
    }
}

void Objective::finish_outputs(Matrix output, std::span<float> scratch) const {
    if (loss_ != Loss::kCrossEntropy) return;
    if (softmax_) {
        softmax_rows(output, output, scratch.first(output.rows));
    } else {
        activate(activation_, output);
    }
}

}  // namespace lockstep
