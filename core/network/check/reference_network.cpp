#include "core/network/check/reference_network.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace lockstep {

namespace {

const ParameterBlock& block_of(const Network& network, std::size_t l, std::string_view what) {
    for (const ParameterBlock& block : network.layout().blocks_of(l)) {
        if (block.name.ends_with(what)) return block;
    }
    throw std::logic_error("reference network: a layer lacks its parameters");
}

/// ξ_j = b_j + Σ_i w_ij x_i.
std::vector<double> dense_potentials(const Network& network, std::size_t l,
                                     std::span<const double> parameters, std::span<const double> x) {
    const ParameterBlock& weight = block_of(network, l, ".weight");
    const ParameterBlock& bias = block_of(network, l, ".bias");
    const std::span<const double> first = parameters.subspan(bias.offset, bias.cols);
    std::vector<double> xi(first.begin(), first.end());
    for (std::size_t i = 0; i < weight.rows; ++i) {
        const std::span<const double> row = parameters.subspan(weight.offset + i * weight.cols, weight.cols);
        for (std::size_t j = 0; j < row.size(); ++j) xi[j] += x[i] * row[j];
    }
    return xi;
}

/// ξ_j = √ Σ_i (x_i − w_ij)².
std::vector<double> distances(const Network& network, std::size_t l, std::span<const double> parameters,
                              std::span<const double> x) {
    const ParameterBlock& centre = block_of(network, l, ".centre");
    std::vector<double> xi(centre.cols, 0.0);
    for (std::size_t i = 0; i < centre.rows; ++i) {
        const std::span<const double> row = parameters.subspan(centre.offset + i * centre.cols, centre.cols);
        for (std::size_t j = 0; j < row.size(); ++j) xi[j] += (x[i] - row[j]) * (x[i] - row[j]);
    }
    for (double& value : xi) value = std::sqrt(value);
    return xi;
}

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

double reference_activation(Activation f, double xi) {
    const auto a = static_cast<double>(f.a);
    const auto b = static_cast<double>(f.b);
    switch (f.kind) {
        case ActivationKind::kIdentity:
            return xi;
        case ActivationKind::kRelu:
            return 0.0 > xi ? 0.0 : xi;
        case ActivationKind::kSigmoid:
            return 1.0 / (1.0 + std::exp(-b * xi));
        case ActivationKind::kTanh:
            return a * std::tanh(b * xi);
        case ActivationKind::kStep:
            return xi < 0.0 ? 0.0 : 1.0;
        case ActivationKind::kSaturated:
            return std::clamp(xi, 0.0, 1.0);
        case ActivationKind::kGaussian:
            return std::exp(-xi * xi / (2.0 * b * b));
        case ActivationKind::kDistance:
            return xi;
    }
    throw std::logic_error("reference network: an activation it does not know");
}

int smooth_piece(Activation f, double y) {
    switch (f.kind) {
        case ActivationKind::kRelu:
        case ActivationKind::kStep:
            return y > 0.0 ? 1 : 0;
        case ActivationKind::kSaturated:
            return y >= 1.0 ? 2 : y > 0.0 ? 1 : 0;
        default:
            return 0;
    }
}

std::vector<double> reference_layer(const Network& network, std::size_t l, std::span<const double> parameters,
                                    std::span<const double> x) {
    const LayerSpec& spec = network.spec().layers[l];
    std::vector<double> y;
    if (spec.kind == "dense") {
        y = dense_potentials(network, l, parameters, x);
    } else if (spec.kind == "distance") {
        y = distances(network, l, parameters, x);
    } else {
        throw std::logic_error("reference network: no formula for layer kind " + spec.kind);
    }
    const bool potentials = l + 1 == network.layer_count() && is_cross_entropy(network.spec().loss);
    if (!potentials) {
        for (double& value : y) value = reference_activation(spec.activation, value);
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
    std::vector<double> t(spec.layers.back().units, static_cast<double>(coding.low));
    if (targets.labels.empty()) {
        std::ranges::copy(targets.values.row(r), t.begin());
    } else {
        t[static_cast<std::size_t>(targets.labels[r])] = static_cast<double>(coding.high);
    }
    return t;
}

}  // namespace lockstep
