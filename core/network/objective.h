// The error function at a network's end: loss, delta and predictions from the last layer's outputs.
#pragma once

#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/base/matrix.h"
#include "core/network/network_spec.h"

namespace lockstep {

/// The targets of b samples: class numbers (b), or real vectors (b, out); the other one is empty.
struct Targets {
    std::span<const std::int32_t> labels;
    ConstMatrix values;
};

/// What one sample contributes to a batch's metrics.
struct SampleMetrics {
    double loss = 0.0;
    double correct = 0.0;  ///< 1 where the prediction is right (counts_correct), else 0
    bool operator==(const SampleMetrics&) const = default;
};

/// With cross-entropy the last layer hands over its potentials ξ, so that loss and delta are exact where a
/// probability rounds to 0 or 1:
///   softmax:  E = log Σ exp ξ − Σ t ξ           delta = softmax(ξ) − t
///   sigmoid:  E = Σ max(ξ, 0) − t ξ + log(1 + exp(−|ξ|))   delta = sigmoid(ξ) − t
///   softmax, both terms:  E = −Σ t log y + (1 − t) log(1 − y)
///                         delta_j = y_j Σ t − t_j + q_j − y_j Σ q,  q_c = (1 − t_c) y_c / (1 − y_c)
/// With a square error it hands over y = f(ξ):  E = ½ Σ (y − t)²,  delta = (y − t) ⊙ f'(y); where it is the
/// mean over m outputs both are 2/m times as large.
/// With unit steps and the perceptron's rule:  E = Σ |y − t|,  delta = y − t.
/// A class target c means t_c = 1 and all other t = 0; with a square error t_c = coding.high and all other t
/// = coding.low. A single output stands for class 1 of two classes: t is 1, or coding.high, for class 1, and
/// 0, or coding.low, for class 0.
class Objective {
  public:
    explicit Objective(const NetworkSpec& spec);

    /// The element-wise function the last layer itself applies: the identity where the objective takes
    /// potentials.
    [[nodiscard]] Activation layer_activation() const;
    /// Whether `correct` is counted: the outputs are probabilities, or unit steps, or stand for classes.
    [[nodiscard]] bool counts_correct() const {
        return is_cross_entropy(loss_) || loss_ == Loss::kPerceptron || coding_.classes;
    }
    /// What a batch's summed gradient is multiplied by: 1 / samples, or 1 where the error is a sum.
    [[nodiscard]] float mean_factor(std::size_t samples) const {
        return loss_ == Loss::kSquareErrorSum ? 1.0F : 1.0F / static_cast<float>(samples);
    }

    /// Per-sample metrics and delta = ∂E/∂ξ (not averaged). Shapes: output, delta (b, out), metrics and
    /// scratch (b). `output` is the last layer's. Requires that labels lie in [0, out).
    void evaluate(ConstMatrix output, const Targets& targets, Matrix delta, std::span<SampleMetrics> metrics,
                  std::span<float> scratch) const;

    /// Turns the last layer's outputs into the network's: probabilities for softmax and cross-entropy's
    /// sigmoid. Shapes: output (b, out), scratch (b).
    void finish_outputs(Matrix output, std::span<float> scratch) const;

    /// The class that outputs stand for, as finish_outputs leaves them: that of the largest, or, of a single
    /// one, the class whose target is nearer. Requires that the targets are classes.
    [[nodiscard]] std::size_t predicted_class(std::span<const float> outputs) const;
    /// The target of a single output that stands for one of two classes.
    [[nodiscard]] float target_of_class(std::size_t number) const {
        if (is_cross_entropy(loss_) || loss_ == Loss::kPerceptron) return number == 1 ? 1.0F : 0.0F;
        return number == 1 ? coding_.high : coding_.low;
    }

  private:
    Loss loss_;
    TargetCoding coding_;
    bool softmax_;
    Activation activation_;
};

/// The one of `outputs` outputs that is to be high where the class is `label`: its own; of a single output
/// that one for class 1, and none (1) for class 0.
constexpr std::size_t high_output(std::int32_t label, std::size_t outputs) {
    if (outputs == 1) return label == 1 ? 0 : 1;
    return static_cast<std::size_t>(label);
}

}  // namespace lockstep
