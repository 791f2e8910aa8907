// What every kind of layer can do: the interface between a network and its layers.
//
// Conventions. b is the number of samples (rows). ξ is a neuron's inner potential, y = f(ξ) its output, and
// delta is always ∂E/∂ξ, or ∂E/∂(ξ²/2) where ξ is a distance: the layer above has already multiplied by this
// layer's f' as activation.h defines it. Parameters and gradients
// are passed in as the layer's own run of the arena (ParameterLayout::layer_range), wherever it lies. A layer
// holds no state that a step changes, but for the copies of its weights that pack() makes; what it keeps of a
// sample from the forward pass to the backward pass lies in the workspace's `state`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/base/matrix.h"
#include "core/base/shape.h"

namespace lockstep {

class Layer {
  public:
    /// Behind `outputs` values of that shape f is the element-wise activation, by whose derivative the layer
    /// above multiplies this layer's delta.
    Layer(const Shape& output_shape, Activation activation)
        : output_shape_(output_shape), activation_(activation) {}
    virtual ~Layer() = default;
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    [[nodiscard]] const Shape& output_shape() const { return output_shape_; }
    [[nodiscard]] std::size_t outputs() const { return output_shape_.count(); }
    [[nodiscard]] Activation activation() const { return activation_; }
    /// Floats that the layer keeps of each sample beside its output.
    [[nodiscard]] virtual std::size_t state_per_sample() const { return 0; }

    /// Draws the first parameters by (seed, layer, index within the block): the values [first, first +
    /// parameters.size()) of the layer's run. Not called where the layer has none.
    virtual void initialise(std::uint64_t /*seed*/, std::size_t /*first*/,
                            std::span<float> /*parameters*/) const {}

    /// Makes what copies of the parameters the passes read in this arithmetic. To be called before the first
    /// pass and whenever the parameters have changed.
    virtual void pack(std::span<const float> /*parameters*/) {}
    /// Memory of these copies, made or not.
    [[nodiscard]] virtual std::size_t packed_bytes() const { return 0; }

    /// y = f(ξ(x)). Shapes: x (b, inputs), y (b, outputs), state (b, state_per_sample), of any content.
    virtual void forward(std::span<const float> parameters, ConstMatrix x, Matrix y, Matrix state) const = 0;

    /// Whether begin_backward or parameter_gradient reads the parameters. Where they do not, a pass need not
    /// fetch the lowest layer's for going backward, nor any other's before its gradient is done.
    [[nodiscard]] virtual bool gradient_reads_parameters() const { return false; }

    /// Called once a batch, before parameter_gradient and input_delta: turns the state that forward() left
    /// into what these need, for layers that must look at all samples, or go backward in time, first. Shapes
    /// as there. `parameters` is empty unless gradient_reads_parameters().
    virtual void begin_backward(std::span<const float> /*parameters*/, ConstMatrix /*x*/,
                                ConstMatrix /*delta*/, Matrix /*state*/) const {}

    /// The gradient's blocks = tree over leaves of ∂E/∂parameters, summed (not averaged) over the b samples.
    /// Shapes: x (b, inputs), delta (b, outputs), state (b, state_per_sample). `parameters` is empty unless
    /// gradient_reads_parameters(). Not called where the layer has no parameters.
    virtual void parameter_gradient(std::span<const float> /*parameters*/, ConstMatrix /*x*/,
                                    ConstMatrix /*delta*/, ConstMatrix /*state*/, std::size_t /*leaf*/,
                                    std::span<float> /*gradient*/) const {}

    /// delta_below = the delta of the layer below. `x` is what forward() was given; `below` are the outputs
    /// y = f_below(ξ) of that layer, which differ from x where dropout is at work. Shapes: delta (b,
    /// outputs); state (b, state_per_sample); x, below and delta_below (b, inputs).
    virtual void input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix x,
                             ConstMatrix state, Activation f_below, ConstMatrix below,
                             Matrix delta_below) const = 0;

  private:
    Shape output_shape_;
    Activation activation_;
};

}  // namespace lockstep
