// A network in double precision, written from the formulas alone: the oracle of gradients and losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/network/network.h"

namespace lockstep::testing {

using DoubleRows = std::vector<std::vector<double>>;

inline double apply(Activation f, double xi) {
    switch (f.kind) {
        case ActivationKind::kIdentity:
            return xi;
        case ActivationKind::kRelu:
            return std::max(0.0, xi);
        case ActivationKind::kSigmoid:
            return 1.0 / (1.0 + std::exp(-static_cast<double>(f.b) * xi));
        case ActivationKind::kTanh:
            return static_cast<double>(f.a) * std::tanh(static_cast<double>(f.b) * xi);
    }
    return 0.0;
}

/// Outputs of one sample: probabilities with softmax. `parameters` has the layout of the network's arena.
inline std::vector<double> outputs(const Network& network, const std::vector<double>& parameters,
                                   std::vector<double> x) {
    const auto& blocks = network.layout().blocks();
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        const LayerSpec& spec = network.spec().layers[l];
        const ParameterBlock& weight = blocks[2 * l];
        const ParameterBlock& bias = blocks[2 * l + 1];
        std::vector<double> y(spec.units);
        for (std::size_t j = 0; j < spec.units; ++j) {
            double xi = parameters[bias.offset + j];
            for (std::size_t i = 0; i < x.size(); ++i) {
                xi += x[i] * parameters[weight.offset + i * weight.cols + j];
            }
            y[j] = spec.softmax ? xi : apply(spec.activation, xi);
        }
        if (spec.softmax) {
            const double top = *std::max_element(y.begin(), y.end());
            double sum = 0.0;
            for (double& value : y) sum += value = std::exp(value - top);
            for (double& value : y) value /= sum;
        }
        x = y;
    }
    return x;
}

/// E of one sample whose target is the vector t.
inline double loss(const Network& network, const std::vector<double>& y, const std::vector<double>& t) {
    const bool softmax = network.spec().layers.back().softmax;
    double sum = 0.0;
    for (std::size_t c = 0; c < y.size(); ++c) {
        if (network.spec().loss == Loss::kSquareError) {
            sum += 0.5 * (y[c] - t[c]) * (y[c] - t[c]);
        } else {
            if (t[c] > 0.0) sum -= t[c] * std::log(y[c]);
            if (!softmax && t[c] < 1.0) sum -= (1.0 - t[c]) * std::log(1.0 - y[c]);
        }
    }
    return sum;
}

/// Sum of the losses of all rows.
inline double total_loss(const Network& network, const std::vector<double>& parameters, const DoubleRows& x,
                         const DoubleRows& t) {
    double sum = 0.0;
    for (std::size_t r = 0; r < x.size(); ++r) sum += loss(network, outputs(network, parameters, x[r]), t[r]);
    return sum;
}

}  // namespace lockstep::testing
