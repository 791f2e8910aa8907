#include "core/network/network.h"

#include <algorithm>
#include <utility>

namespace lockstep {

namespace {

std::size_t widest(const NetworkSpec& spec) {
    return std::ranges::max(spec.layers, {}, &LayerSpec::units).units;
}

NetworkSpec checked(NetworkSpec spec) {
    check(spec);
    return spec;
}

}  // namespace

Workspace::Workspace(const NetworkSpec& spec, std::size_t capacity)
    : capacity_(capacity), scratch_(capacity) {
    for (const LayerSpec& layer : spec.layers) {
        widths_.push_back(layer.units);
        outputs_.emplace_back(capacity * layer.units);
    }
    for (Buffer<float>& delta : deltas_) delta = Buffer<float>(capacity * widest(spec));
}

Matrix Workspace::output(std::size_t l, std::size_t b) { return {outputs_[l].data(), b, widths_[l]}; }

Matrix Workspace::delta(std::size_t l, std::size_t b) { return {deltas_[l % 2].data(), b, widths_[l]}; }

std::size_t Workspace::bytes(const NetworkSpec& spec, std::size_t capacity) {
    std::size_t per_sample = 2 * widest(spec) + 1;
    for (const LayerSpec& layer : spec.layers) per_sample += layer.units;
    return capacity * per_sample * sizeof(float);
}

Network::Network(NetworkSpec spec, Arithmetic arithmetic)
    : spec_(checked(std::move(spec))), objective_(spec_) {
    std::size_t inputs = spec_.inputs;
    for (std::size_t l = 0; l < spec_.layers.size(); ++l) {
        LayerSpec layer = spec_.layers[l];
        if (l + 1 == spec_.layers.size()) layer.activation = objective_.layer_activation();
        layers_.push_back(make_layer(layer, l, inputs, arithmetic, layout_));
        inputs = layers_.back()->outputs();
    }
}

void Network::initialise(std::uint64_t seed, std::span<float> parameters) const {
    for (const auto& layer : layers_) layer->initialise(seed, parameters);
}

void Network::pack(std::span<const float> parameters) {
    for (const auto& layer : layers_) layer->pack(parameters);
}

std::size_t Network::packed_bytes() const {
    std::size_t bytes = 0;
    for (const auto& layer : layers_) bytes += layer->packed_bytes();
    return bytes;
}

Matrix Network::forward(std::span<const float> parameters, ConstMatrix x, Workspace& work) const {
    ConstMatrix input = x;
    Matrix output;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        output = work.output(l, x.rows);
        layers_[l]->forward(parameters, input, output);
        input = output;
    }
    return output;
}

void Network::evaluate(const Targets& targets, std::size_t b, Workspace& work,
                       std::span<SampleMetrics> metrics) const {
    const std::size_t last = layers_.size() - 1;
    objective_.evaluate(work.output(last, b), targets, work.delta(last, b), metrics, work.scratch());
}

void Network::backward(std::span<const float> parameters, ConstMatrix x, std::size_t leaf,
                       std::span<const NodeGradient> nodes, Workspace& work,
                       const std::function<void(std::size_t)>& layer_done) const {
    for (std::size_t l = layers_.size(); l-- > 0;) {
        const ConstMatrix input = l == 0 ? x : ConstMatrix(work.output(l - 1, x.rows));
        const ConstMatrix delta = work.delta(l, x.rows);
        std::size_t first = 0;
        for (const NodeGradient& node : nodes) {
            layers_[l]->parameter_gradient(input.row_range(first, node.samples),
                                           delta.row_range(first, node.samples), leaf, node.arena);
            first += node.samples;
        }
        layer_done(l);
        if (l > 0) {
            layers_[l]->input_delta(parameters, delta, layers_[l - 1]->activation(), input,
                                    work.delta(l - 1, x.rows));
        }
    }
}

}  // namespace lockstep
