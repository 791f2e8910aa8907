#include "core/network/objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/arithmetic/elementwise.h"
#include "core/base/argmax.h"

namespace lockstep {

namespace {

/// t_c of sample r with so many outputs, whichever kind the targets are.
float target_value(const Targets& targets, std::size_t r, std::size_t c, std::size_t outputs) {
    if (targets.labels.empty()) return targets.values(r, c);
    return high_output(targets.labels[r], outputs) == c ? 1.0F : 0.0F;
}

/// Whether a single output y is nearer to class 1's target than to class 0's.
bool tells_class_1(float y, float of_class_0, float of_class_1) {
    const float middle = 0.5F * (of_class_0 + of_class_1);
    return of_class_1 > of_class_0 ? y > middle : y < middle;
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
            const float t = target_value(targets, r, c, xi.size());
            // Not std::max: a NaN potential must make the loss NaN.
            const float positive = 0.0F > xi[c] ? 0.0F : xi[c];
            sample.loss += static_cast<double>(positive) -
                           static_cast<double>(t) * static_cast<double>(xi[c]) + static_cast<double>(row[c]);
            if ((xi[c] > 0.0F) != (t > 0.5F)) sample.correct = 0.0;
        }
        sigmoid_values(xi, row);
        for (std::size_t c = 0; c < xi.size(); ++c) row[c] -= target_value(targets, r, c, xi.size());
    }
}

/// log(1 + exp(−|d|)).
float softplus_rest(float d) {
    float value = -std::fabs(d);
    exp_values({&value, 1}, {&value, 1});
    value = 1.0F + value;
    log_values({&value, 1}, {&value, 1});
    return value;
}

/// One row. Only the largest output m can come near 1, so that 1 − y_m needs care alone: it is added up from
/// the other outputs, which share it as p_j = y_j / (1 − y_m), a softmax of their own. All other 1 − y_c are
/// at least 1/2.
SampleMetrics both_terms_row(std::span<const float> xi, std::span<const float> t, std::size_t wanted,
                             std::span<float> delta) {
    const std::size_t m = argmax(xi);
    const auto target = [&](std::size_t c) { return t.empty() ? (c == wanted ? 1.0F : 0.0F) : t[c]; };
    float second = -std::numeric_limits<float>::infinity();
    float all_t = 0.0F;
    for (std::size_t c = 0; c < xi.size(); ++c) {
        // Not std::max: a NaN potential must make the loss NaN.
        if (c != m && !(xi[c] <= second)) second = xi[c];
        all_t += target(c);
    }
    for (std::size_t c = 0; c < xi.size(); ++c) delta[c] = xi[c] - second;
    delta[m] = 0.0F;
    exp_values(delta, delta);
    float others = 0.0F;
    for (std::size_t c = 0; c < xi.size(); ++c) others += c == m ? 0.0F : delta[c];
    float log_others = others;
    log_values({&log_others, 1}, {&log_others, 1});

    // The logit of y_m; from it y_m, 1 − y_m and their logarithms.
    const float logit = (xi[m] - second) - log_others;
    const float rest = softplus_rest(logit);
    const float log_top = (logit > 0.0F ? 0.0F : logit) - rest;
    const float log_low = (logit > 0.0F ? -logit : 0.0F) - rest;
    float share[2]{logit, -logit};
    sigmoid_values(share, share);
    const float top = share[0];
    const float low = share[1];

    double loss = -static_cast<double>(target(m)) * static_cast<double>(log_top) -
                  static_cast<double>(1.0F - target(m)) * static_cast<double>(log_low);
    float all_q = 0.0F;
    for (std::size_t c = 0; c < xi.size(); ++c) {
        if (c == m) continue;
        const float y = low * (delta[c] / others);
        const float log_y = log_low + ((xi[c] - second) - log_others);
        float log_rest = 1.0F - y;
        all_q += (1.0F - target(c)) * y / log_rest;
        log_values({&log_rest, 1}, {&log_rest, 1});
        loss -= static_cast<double>(target(c)) * static_cast<double>(log_y) +
                static_cast<double>(1.0F - target(c)) * static_cast<double>(log_rest);
    }
    for (std::size_t c = 0; c < xi.size(); ++c) {
        if (c == m) continue;
        const float p = delta[c] / others;
        const float y = low * p;
        const float q = (1.0F - target(c)) * y / (1.0F - y);
        delta[c] = ((y * all_t - target(c)) + (q - y * all_q)) - (1.0F - target(m)) * top * p;
    }
    delta[m] = (top * all_t - target(m)) + ((1.0F - target(m)) * top - top * all_q);
    const bool correct = t.empty() ? m == wanted : m == argmax(t);
    return {loss, correct ? 1.0 : 0.0};
}

void softmax_both_terms(ConstMatrix potential, const Targets& targets, Matrix delta,
                        std::span<SampleMetrics> metrics) {
    for (std::size_t r = 0; r < potential.rows; ++r) {
        const bool classes = !targets.labels.empty();
        metrics[r] =
            both_terms_row(potential.row(r), classes ? std::span<const float>{} : targets.values.row(r),
                           classes ? static_cast<std::size_t>(targets.labels[r]) : 0, delta.row(r));
    }
}

/// E = scale/2 Σ (y − t)².
void square_error(Activation f, float scale, ConstMatrix y, const Targets& targets,
                  const TargetCoding& coding, Matrix delta, std::span<SampleMetrics> metrics) {
    const bool classes = !targets.labels.empty();
    for (std::size_t r = 0; r < y.rows; ++r) {
        double loss = 0.0;
        const std::size_t high = classes ? high_output(targets.labels[r], y.cols) : 0;
        for (std::size_t c = 0; c < y.cols; ++c) {
            const float of_class = c == high ? coding.high : coding.low;
            const float difference = y(r, c) - (classes ? of_class : targets.values(r, c));
            loss += 0.5 * static_cast<double>(scale) * static_cast<double>(difference) *
                    static_cast<double>(difference);
            delta(r, c) = scale * difference;
        }
        const auto correct = [&] {
            if (y.cols > 1) return argmax(y.row(r)) == high;
            return tells_class_1(y(r, 0), coding.low, coding.high) == (high == 0);
        };
        metrics[r] = {loss, classes && correct() ? 1.0 : 0.0};
    }
    multiply_by_derivative(f, y, delta);
}

/// E = Σ |y − t|, and the rule's correction y − t.
void perceptron(ConstMatrix y, const Targets& targets, Matrix delta, std::span<SampleMetrics> metrics) {
    for (std::size_t r = 0; r < y.rows; ++r) {
        double loss = 0.0;
        for (std::size_t c = 0; c < y.cols; ++c) {
            delta(r, c) = y(r, c) - target_value(targets, r, c, y.cols);
            loss += static_cast<double>(std::fabs(delta(r, c)));
        }
        metrics[r] = {loss, loss == 0.0 ? 1.0 : 0.0};
    }
}

}  // namespace

Objective::Objective(const NetworkSpec& spec)
    : loss_(spec.loss),
      coding_(spec.coding),
      softmax_(spec.layers.back().softmax),
      activation_(spec.layers.back().activation) {}

Activation Objective::layer_activation() const {
    return is_cross_entropy(loss_) ? Activation{} : activation_;
}

void Objective::evaluate(ConstMatrix output, const Targets& targets, Matrix delta,
                         std::span<SampleMetrics> metrics, std::span<float> scratch) const {
    if (loss_ == Loss::kPerceptron) {
        perceptron(output, targets, delta, metrics);
    } else if (!is_cross_entropy(loss_)) {
        const float scale = loss_ == Loss::kMeanSquareError ? 2.0F / static_cast<float>(output.cols) : 1.0F;
        square_error(activation_, scale, output, targets, coding_, delta, metrics);
    } else if (loss_ == Loss::kCrossEntropyBoth) {
        softmax_both_terms(output, targets, delta, metrics);
    } else if (softmax_) {
        softmax_cross_entropy(output, targets, delta, metrics, scratch.first(output.rows));
    } else {
        sigmoid_cross_entropy(output, targets, delta, metrics);
    }
}

void Objective::finish_outputs(Matrix output, std::span<float> scratch) const {
    if (!is_cross_entropy(loss_)) return;
    if (softmax_) {
        softmax_rows(output, output, scratch.first(output.rows));
    } else {
        activate(activation_, output);
    }
}

std::size_t Objective::predicted_class(std::span<const float> outputs) const {
    if (outputs.size() > 1) return argmax(outputs);
    return tells_class_1(outputs[0], target_of_class(0), target_of_class(1)) ? 1 : 0;
}

}  // namespace lockstep
