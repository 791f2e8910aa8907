// A network: its layers in order, the layout of its parameters, and the two passes over them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/arithmetic/arithmetic.h"
#include "core/arithmetic/dropout.h"
#include "core/network/gradient_sink.h"
#include "core/network/layers/layer.h"
#include "core/network/network_spec.h"
#include "core/network/objective.h"
#include "core/network/parameter_layout.h"
#include "core/network/parameter_source.h"
#include "core/network/workspace.h"

namespace lockstep {

/// A run of consecutive samples whose gradient is one node of the leaf tree, and where that gradient goes.
struct NodeGradient {
    std::size_t samples = 0;
    std::span<float> arena;
};

class Network {
  public:
    /// Throws ConfigError where check(spec) does. Allocates nothing of the parameters' size.
    explicit Network(NetworkSpec spec, Arithmetic arithmetic = Arithmetic::kFp32);

    [[nodiscard]] const NetworkSpec& spec() const { return spec_; }
    [[nodiscard]] const ParameterLayout& layout() const { return layout_; }
    [[nodiscard]] const Objective& objective() const { return objective_; }
    [[nodiscard]] std::size_t inputs() const { return spec_.inputs.count(); }
    [[nodiscard]] std::size_t outputs() const { return layers_.back()->outputs(); }
    [[nodiscard]] std::size_t layer_count() const { return layers_.size(); }
    [[nodiscard]] const Layer& layer(std::size_t l) const { return *layers_[l]; }
    /// What layer l receives.
    [[nodiscard]] const Shape& input_shape(std::size_t l) const {
        return l == 0 ? spec_.inputs : layers_[l - 1]->output_shape();
    }
    /// The first layer that has parameters: a backward pass ends there.
    [[nodiscard]] std::size_t lowest() const { return layout_.blocks().front().layer; }
    /// Whether a backward pass reads parameters of layer l: for its own gradient, or for the delta of the
    /// layer below, which nobody asks of the lowest one.
    [[nodiscard]] bool backward_reads(std::size_t l) const {
        return has_parameters(l) && (l > lowest() || layers_[l]->gradient_reads_parameters());
    }

    /// Draws the first parameters of `range`. Shape: parameters (range.count).
    void initialise(std::uint64_t seed, ArenaRange range, std::span<float> parameters) const;
    /// Of all. Shape: parameters (arena_size).
    void initialise(std::uint64_t seed, std::span<float> parameters) const {
        initialise(seed, {0, layout_.arena_size()}, parameters);
    }

    /// Makes the copies of the parameters that the passes read in bf16, none in fp32: before the first pass,
    /// and whenever the parameters have changed. The first call allocates them.
    void pack(std::span<const float> parameters);
    /// The same of one layer. Shape: parameters, the layer's run of the arena.
    void pack_layer(std::size_t layer, std::span<const float> parameters) {
        layers_[layer]->pack(parameters);
    }
    /// Memory of these copies, made or not.
    [[nodiscard]] std::size_t packed_bytes() const;

    /// Outputs of every layer into the workspace; returns the last one's. Shapes: x (b, inputs), result (b,
    /// outputs). With a draw, whose place is ignored, dropout silences inputs and outputs as the
    /// specification says, and the backward pass that follows knows which; without, the pass is that of a
    /// trained network.
    Matrix forward(ParameterSource& parameters, ConstMatrix x, Workspace& work,
                   const DropoutDraw* draw = nullptr) const;
    Matrix forward(std::span<const float> parameters, ConstMatrix x, Workspace& work) const {
        WholeArena arena(layout_, parameters);
        return forward(arena, x, work);
    }

    /// Loss of the forward pass just made, and the last layer's delta, into the workspace. Shape: metrics
    /// (b).
    void evaluate(const Targets& targets, std::size_t b, Workspace& work,
                  std::span<SampleMetrics> metrics) const;

    /// Gradients of all parameters from the last layer's delta, last layer first: for every node its own
    /// samples' sum by the leaf tree. node_samples (nodes): the samples of each, which add up to x.rows.
    /// Requires that evaluate() came before.
    void backward(ParameterSource& parameters, ConstMatrix x, std::size_t leaf,
                  std::span<const std::size_t> node_samples, Workspace& work, GradientSink& sink) const;
    /// The same into whole arenas; `layer_done(l)` is GradientSink::gradient_done.
    void backward(std::span<const float> parameters, ConstMatrix x, std::size_t leaf,
                  std::span<const NodeGradient> nodes, Workspace& work,
                  const std::function<void(std::size_t)>& layer_done) const;

  private:
    /// `values`, or those that dropout leaves of them, at a place of the network.
    [[nodiscard]] ConstMatrix thinned(ConstMatrix values, std::size_t place, Workspace& work,
                                      const DropoutDraw& draw) const;
    [[nodiscard]] float dropout_rate(std::size_t place) const {
        return place == 0 ? spec_.input_dropout : spec_.layers[place - 1].dropout;
    }
    [[nodiscard]] bool has_parameters(std::size_t l) const { return layout_.layer_range(l).count > 0; }
    void append_layer(const LayerSpec& spec, Arithmetic arithmetic);
    /// The layer that a backward pass asks for after layer l.
    [[nodiscard]] std::optional<std::size_t> read_below(std::size_t l) const;
    void clear_gaps(std::size_t layer, std::span<float> gradient) const;

    NetworkSpec spec_;
    ParameterLayout layout_;
    Objective objective_;
    std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace lockstep
