// Where a backward pass leaves its gradients, and who is told of them.
#pragma once

#include <cstddef>
#include <span>

namespace lockstep {

class GradientSink {
  public:
    virtual ~GradientSink() = default;
    GradientSink() = default;
    GradientSink(const GradientSink&) = delete;
    GradientSink& operator=(const GradientSink&) = delete;

    /// Memory for a node's gradient of layer l, as long as the layer's run. Asked for once a layer and node.
    virtual std::span<float> gradient(std::size_t layer, std::size_t node) = 0;
    /// The gradients of layer l are complete in every node. Layers without parameters have none, and nobody
    /// is told of them.
    virtual void gradient_done(std::size_t layer) = 0;
    /// And the pass reads the layer's parameters no more.
    virtual void layer_done(std::size_t layer) = 0;
};

}  // namespace lockstep
