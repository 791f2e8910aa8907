// What training asks of a model, whatever it is: a network trained by backpropagation, or a machine whose
// gradient is drawn. The reducer, the optimizer, the batch plan and the metrics know a model by this alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/arithmetic/dropout.h"
#include "core/base/matrix.h"
#include "core/network/gradient_sink.h"
#include "core/network/objective.h"
#include "core/network/parameter_layout.h"
#include "core/network/parameter_source.h"

namespace lockstep {

/// Samples as a model takes them; views of memory that is somebody else's.
struct Samples {
    ConstMatrix x;  // (b, inputs)
    Targets targets;
};

/// Scores samples with given parameters, as a trained model does: nothing is drawn.
class Scorer {
  public:
    virtual ~Scorer() = default;
    Scorer() = default;
    Scorer(const Scorer&) = delete;
    Scorer& operator=(const Scorer&) = delete;

    /// Most samples that score() takes at once.
    [[nodiscard]] virtual std::size_t capacity() const = 0;
    /// Whether SampleMetrics::correct means anything.
    [[nodiscard]] virtual bool counts_correct() const = 0;
    /// Each sample's error. Reading the parameters may be collective: then every rank calls it equally often,
    /// on no samples where it has none left. Shape: metrics (b).
    virtual void score(ParameterSource& parameters, const Samples& samples,
                       std::span<SampleMetrics> metrics) = 0;
};

/// A model with the memory for one pass over some samples. It holds no parameters: these come from the
/// ParameterSource of each call, and may lie anywhere.
class Learner {
  public:
    virtual ~Learner() = default;
    Learner() = default;
    Learner(const Learner&) = delete;
    Learner& operator=(const Learner&) = delete;

    [[nodiscard]] virtual const ParameterLayout& layout() const = 0;
    /// Layers, those without parameters included.
    [[nodiscard]] virtual std::size_t layer_count() const = 0;
    /// Draws the first parameters of `range`. Shape: parameters (range.count).
    virtual void initialise(std::uint64_t seed, ArenaRange range, std::span<float> parameters) const = 0;
    /// Makes the copies of a layer's parameters that the passes read beside these themselves: before the
    /// first pass, and whenever they have changed. Shape: parameters, the layer's run of the arena.
    virtual void pack_layer(std::size_t layer, std::span<const float> parameters) = 0;
    /// Whether SampleMetrics::correct means anything.
    [[nodiscard]] virtual bool counts_correct() const = 0;
    /// What the sum of a batch's gradients is multiplied by.
    [[nodiscard]] virtual float mean_factor(std::size_t batch_samples) const = 0;

    // A pass over at most as many samples as the model was made for, in two halves, between which the errors'
    // sum can set out to the other ranks.

    /// The errors of the samples. `draw` says what is drawn in this step for a sample at that place of the
    /// batch. Shape: metrics (b).
    virtual void forward(ParameterSource& parameters, const Samples& samples, const DropoutDraw& draw,
                         std::span<SampleMetrics> metrics) = 0;
    /// The gradients of the samples that forward() took last and that are still there, last layer first: for
    /// every node of the leaf tree its own samples' sum. Shape: node_samples (nodes), which add up to b.
    virtual void backward(ParameterSource& parameters, const Samples& samples, std::size_t leaf,
                          std::span<const std::size_t> node_samples, GradientSink& sink) = 0;

    /// Which value of the last forward pass was NaN or infinite first, as in "neuron 3 of layer 1 is NaN
    /// first", or "". `b`: samples of that pass.
    [[nodiscard]] virtual std::string first_not_finite(std::size_t b) = 0;
    /// Scores with memory of its own. The learner must outlive it.
    [[nodiscard]] virtual std::unique_ptr<Scorer> scorer(std::size_t capacity) const = 0;
};

}  // namespace lockstep
