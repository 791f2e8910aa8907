#include "core/network/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/number.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

NetworkSpec checked(NetworkSpec spec) {
    check(spec);
    return spec;
}

}  // namespace

Network::Network(NetworkSpec spec, Arithmetic arithmetic)
    : spec_(checked(std::move(spec))), objective_(spec_) {
    for (std::size_t l = 0; l < spec_.layers.size(); ++l) {
        LayerSpec layer = spec_.layers[l];
        if (l + 1 == spec_.layers.size()) layer.activation = objective_.layer_activation();
        append_layer(layer, arithmetic);
    }
}

void Network::append_layer(const LayerSpec& spec, Arithmetic arithmetic) {
    const std::size_t l = layers_.size();
    const Shape input = input_shape(l);
    const std::size_t before = layout_.blocks().size();
    layout_.count_layer(l);
    for (const LayerBlock& block : spec.kind->blocks(spec, input)) {
        layout_.append(fmt::format("layer{}.{}", l, block.name), l, block.rows, block.cols, block.role);
    }
    std::vector<ParameterBlock> own(layout_.blocks().begin() + static_cast<std::ptrdiff_t>(before),
                                    layout_.blocks().end());
    for (ParameterBlock& block : own) block.offset -= layout_.layer_range(l).first;
    layers_.push_back(spec.kind->make({.spec = spec,
                                       .index = l,
                                       .input = input,
                                       .output = spec.kind->output_shape(spec, input),
                                       .arithmetic = arithmetic,
                                       .blocks = own}));
}

std::optional<std::size_t> Network::read_below(std::size_t l) const {
    while (l-- > 0) {
        if (backward_reads(l)) return l;
    }
    return std::nullopt;
}

void Network::initialise(std::uint64_t seed, ArenaRange range, std::span<float> parameters) const {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        const ArenaRange layer = layout_.layer_range(l);
        const std::size_t begin = std::max(layer.first, range.first);
        const std::size_t end = std::min(layer.first + layer.count, range.first + range.count);
        if (begin >= end) continue;
        layers_[l]->initialise(seed, begin - layer.first,
                               parameters.subspan(begin - range.first, end - begin));
    }
}

void Network::pack(std::span<const float> parameters) {
    WholeArena arena(layout_, parameters);
    for_each_layer(arena, layout_, [this](std::size_t l, auto run) { pack_layer(l, run); });
}

std::size_t Network::packed_bytes() const {
    std::size_t bytes = 0;
    for (const auto& layer : layers_) bytes += layer->packed_bytes();
    return bytes;
}

ConstMatrix Network::thinned(ConstMatrix values, std::size_t place, Workspace& work,
                             const DropoutDraw& draw) const {
    if (dropout_rate(place) == 0.0F) return values;
    DropoutDraw here = draw;
    here.place = static_cast<std::uint32_t>(place);
    const Matrix dropped = work.dropped(place, values.rows);
    drop_out(here, dropout_rate(place), values, dropped);
    return dropped;
}

Matrix Network::forward(ParameterSource& parameters, ConstMatrix x, Workspace& work,
                        const DropoutDraw* draw) const {
    work.set_dropping(draw != nullptr);
    ConstMatrix input = draw == nullptr ? x : thinned(x, 0, work, *draw);
    Matrix output;
    for_each_layer(parameters, layout_, [&](std::size_t l, std::span<const float> own) {
        output = work.output(l, x.rows);
        layers_[l]->forward(own, input, output, work.state(l, x.rows));
        input = draw == nullptr ? output : thinned(output, l + 1, work, *draw);
    });
    return output;
}

void Network::evaluate(const Targets& targets, std::size_t b, Workspace& work,
                       std::span<SampleMetrics> metrics) const {
    const std::size_t last = layers_.size() - 1;
    objective_.evaluate(work.output(last, b), targets, work.delta(last, b), metrics, work.scratch());
}

void Network::backward(ParameterSource& parameters, ConstMatrix x, std::size_t leaf,
                       std::span<const std::size_t> node_samples, Workspace& work, GradientSink& sink) const {
    for (std::size_t l = layers_.size(); l-- > lowest();) {
        // What the layer below gave, and what dropout left of it, which this layer read.
        const ConstMatrix below = l == 0 ? x : ConstMatrix(work.output(l - 1, x.rows));
        const bool thin = work.dropping() && dropout_rate(l) > 0.0F;
        const ConstMatrix input = thin ? ConstMatrix(work.dropped(l, x.rows)) : below;
        const ConstMatrix delta = work.delta(l, x.rows);
        const Matrix state = work.state(l, x.rows);
        std::span<const float> own;
        const auto fetch = [&] {
            if (has_parameters(l)) own = parameters.layer(l, read_below(l));
        };
        const bool early = layers_[l]->gradient_reads_parameters();
        if (early) fetch();
        layers_[l]->begin_backward(own, input, delta, state);
        std::size_t first = 0;
        for (std::size_t n = 0; n < node_samples.size() && has_parameters(l); ++n) {
            const std::span<float> gradient = sink.gradient(l, n);
            layers_[l]->parameter_gradient(own, input.row_range(first, node_samples[n]),
                                           delta.row_range(first, node_samples[n]),
                                           state.row_range(first, node_samples[n]), leaf, gradient);
            clear_gaps(l, gradient);
            first += node_samples[n];
        }
        if (has_parameters(l)) sink.gradient_done(l);
        if (l > lowest()) {
            if (!early) fetch();
            const Matrix delta_below = work.delta(l - 1, x.rows);
            layers_[l]->input_delta(own, delta, input, state, layers_[l - 1]->activation(), below,
                                    delta_below);
            if (thin) mask_dropped(dropout_rate(l), input, delta_below);
        }
        if (has_parameters(l)) sink.layer_done(l);
    }
}

namespace {

class GradientArenas : public GradientSink {
  public:
    GradientArenas(const ParameterLayout& layout, std::span<const NodeGradient> nodes,
                   const std::function<void(std::size_t)>& done)
        : layout_(layout), nodes_(nodes), done_(done) {}
    std::span<float> gradient(std::size_t layer, std::size_t node) override {
        const ArenaRange range = layout_.layer_range(layer);
        return nodes_[node].arena.subspan(range.first, range.count);
    }
    void gradient_done(std::size_t layer) override { done_(layer); }
    void layer_done(std::size_t /*layer*/) override {}

  private:
    const ParameterLayout& layout_;
    std::span<const NodeGradient> nodes_;
    const std::function<void(std::size_t)>& done_;
};

}  // namespace

void Network::backward(std::span<const float> parameters, ConstMatrix x, std::size_t leaf,
                       std::span<const NodeGradient> nodes, Workspace& work,
                       const std::function<void(std::size_t)>& layer_done) const {
    std::vector<std::size_t> node_samples;
    for (const NodeGradient& node : nodes) node_samples.push_back(node.samples);
    WholeArena arena(layout_, parameters);
    GradientArenas sink(layout_, nodes, layer_done);
    backward(arena, x, leaf, node_samples, work, sink);
}

/// A gradient's memory may have held another layer's, and the gaps must stay zero.
void Network::clear_gaps(std::size_t layer, std::span<float> gradient) const {
    const ArenaRange range = layout_.layer_range(layer);
    for (const ParameterBlock& block : layout_.blocks_of(layer)) {
        const std::size_t end = block.offset + block.count() - range.first;
        const std::size_t line = kAlignment_bytes / sizeof(float);
        std::ranges::fill(gradient.subspan(end, (line - end % line) % line), 0.0F);
    }
}

}  // namespace lockstep
