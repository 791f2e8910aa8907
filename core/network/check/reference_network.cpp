#include "core/network/check/reference_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

/// log Σ exp ξ over all c but `without`.
double log_sum_exp(std::span<const double> xi, std::size_t without) {
    double top = -std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < xi.size(); ++c) {
        if (c != without) top = std::max(top, xi[c]);
    }
    double sum = 0.0;
    for (std::size_t c = 0; c < xi.size(); ++c) {
        if (c != without) sum += std::exp(xi[c] - top);
    }
    return top + std::log(sum);
}

/// log(1 / (1 + exp(−ξ))).
double log_sigmoid(double xi) { return std::min(xi, 0.0) - std::log1p(std::exp(-std::fabs(xi))); }

double cross_entropy(const NetworkSpec& spec, std::span<const double> xi, std::span<const double> t) {
    const std::size_t none = xi.size();
    const bool softmax = spec.layers.back().softmax;
    const bool both = !softmax || spec.loss == Loss::kCrossEntropyBoth;
    const double all = softmax ? log_sum_exp(xi, none) : 0.0;
    double sum = 0.0;
    for (std::size_t c = 0; c < xi.size(); ++c) {
        if (t[c] != 0.0) sum -= t[c] * (softmax ? xi[c] - all : log_sigmoid(xi[c]));
        if (both && t[c] != 1.0)
            sum -= (1.0 - t[c]) * (softmax ? log_sum_exp(xi, c) - all : log_sigmoid(-xi[c]));
    }
    return sum;
}

}  // namespace

std::vector<double> reference_layer(const Network& network, std::size_t l, std::span<const double> parameters,
                                    std::span<const double> x) {
    const LayerSpec& spec = network.spec().layers[l];
    std::vector<ReferenceBlock> blocks;
    for (const ParameterBlock& block : network.layout().blocks()) {
        if (block.layer != l) continue;
        blocks.push_back({block.rows, block.cols, parameters.subspan(block.offset, block.count())});
    }
    std::vector<double> y = spec.kind->potentials(spec, network.input_shape(l), blocks, x);
    const bool potentials = l + 1 == network.layer_count() && is_cross_entropy(network.spec().loss);
    if (!potentials) {
        const ActivationRow& f = row_of(spec.activation.kind);
        for (double& value : y) value = f.reference(spec.activation, value);
    }
    return y;
}

double reference_loss(const NetworkSpec& spec, std::span<const double> output,
                      std::span<const double> target) {
    if (is_cross_entropy(spec.loss)) return cross_entropy(spec, output, target);
    double sum = 0.0;
    if (spec.loss == Loss::kPerceptron) {
        for (std::size_t c = 0; c < output.size(); ++c) sum += std::fabs(output[c] - target[c]);
        return sum;
    }
    for (std::size_t c = 0; c < output.size(); ++c) {
        sum += (output[c] - target[c]) * (output[c] - target[c]);
    }
    return spec.loss == Loss::kMeanSquareError ? sum / static_cast<double>(output.size()) : 0.5 * sum;
}

std::vector<double> target_vector(const NetworkSpec& spec, const Targets& targets, std::size_t r) {
    const bool square = !is_cross_entropy(spec.loss) && spec.loss != Loss::kPerceptron;
    const TargetCoding coding = square ? spec.coding : TargetCoding{};
    std::vector<double> t(output_shape(spec).count(), static_cast<double>(coding.low));
    if (targets.labels.empty()) {
        std::ranges::copy(targets.values.row(r), t.begin());
    } else {
        const std::size_t high = high_output(targets.labels[r], t.size());
        if (high < t.size()) t[high] = static_cast<double>(coding.high);
    }
    return t;
}

}  // namespace lockstep
