// What every kind of layer can do: the interface between a network and its layers.
//
// Conventions. b is the number of samples (rows). ξ is a neuron's inner potential, y = f(ξ) its output, and
// delta is always ∂E/∂ξ, or ∂E/∂(ξ²/2) where ξ is a distance: the layer above has already multiplied by this
// layer's f' as activation.h defines it. Parameters and gradients
// are passed in as the layer's own run of the arena (ParameterLayout::layer_range), wherever it lies. A layer
// holds no state that a step changes, but for the copies of its weights that pack() makes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/arithmetic/activation.h"
#include "core/arithmetic/arithmetic.h"
#include "core/base/matrix.h"
#include "core/network/network_spec.h"
#include "core/network/parameter_layout.h"

namespace lockstep {

class Layer {
  public:
    virtual ~Layer() = default;
    Layer() = default;
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    [[nodiscard]] virtual std::size_t inputs() const = 0;
    [[nodiscard]] virtual std::size_t outputs() const = 0;
    /// The element-wise f of the outputs, by whose derivative the layer above multiplies this layer's delta.
    [[nodiscard]] virtual Activation activation() const = 0;

    /// Draws the first parameters by (seed, layer, index within the block): the values [first, first +
    /// parameters.size()) of the layer's run.
    virtual void initialise(std::uint64_t seed, std::size_t first, std::span<float> parameters) const = 0;

    /// Makes what copies of the parameters the passes read in this arithmetic. To be called before the first
    /// pass and whenever the parameters have changed.
    virtual void pack(std::span<const float> parameters) = 0;
    /// Memory of these copies, made or not.
    [[nodiscard]] virtual std::size_t packed_bytes() const = 0;

    /// y = f(ξ(x)). Shapes: x (b, inputs), y (b, outputs).
    virtual void forward(std::span<const float> parameters, ConstMatrix x, Matrix y) const = 0;

    /// Whether parameter_gradient reads the parameters. Where it does not, a pass need not fetch the first
    /// layer's for going backward, nor any other's before its gradient is done.
    [[nodiscard]] virtual bool gradient_reads_parameters() const { return false; }

    /// The gradient's blocks = tree over leaves of ∂E/∂parameters, summed (not averaged) over the b samples.
    /// Shapes: x (b, inputs), delta (b, outputs). `parameters` is empty unless gradient_reads_parameters().
    virtual void parameter_gradient(std::span<const float> parameters, ConstMatrix x, ConstMatrix delta,
                                    std::size_t leaf, std::span<float> gradient) const = 0;

    /// delta_below = the delta of the layer below. `x` is what forward() was given; `below` are the outputs
    /// y = f_below(ξ) of that layer, which differ from x where dropout is at work. Shapes: delta (b,
    /// outputs); x, below and delta_below (b, inputs).
    virtual void input_delta(std::span<const float> parameters, ConstMatrix delta, ConstMatrix x,
                             Activation f_below, ConstMatrix below, Matrix delta_below) const = 0;
};

/// Makes the layer that `spec` describes behind `inputs` values, and appends its blocks to `layout`.
std::unique_ptr<Layer> make_layer(const LayerSpec& spec, std::size_t index, std::size_t inputs,
                                  Arithmetic arithmetic, ParameterLayout& layout);

}  // namespace lockstep
