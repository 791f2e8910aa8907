#include "core/network/network_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/spelling.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 6> kLosses{"cross_entropy",      "square_error",
                                                  "square_error_sum",   "mean_square_error",
                                                  "cross_entropy_both", "perceptron"};

/// Whether there is anything to learn. Which blocks a layer has does not depend on its inputs.
bool has_parameters(const NetworkSpec& spec) {
    return std::ranges::any_of(
        spec.layers, [](const LayerSpec& layer) { return !layer.kind->blocks(layer, Shape(1)).empty(); });
}

}  // namespace

std::vector<Shape> output_shapes(const NetworkSpec& spec) {
    std::vector<Shape> shapes;
    Shape shape = spec.inputs;
    for (const LayerSpec& layer : spec.layers) {
        shape = layer.kind->output_shape(layer, shape);
        shapes.push_back(shape);
    }
    return shapes;
}

Shape output_shape(const NetworkSpec& spec) { return output_shapes(spec).back(); }

std::span<const std::string_view> loss_names() { return kLosses; }

Loss parse_loss(std::string_view text) {
    const auto found = std::ranges::find(kLosses, text);
    if (found != kLosses.end()) return static_cast<Loss>(found - kLosses.begin());
    throw ConfigError(fmt::format("'{}' is not a valid loss{}; valid: {}", text, did_you_mean(text, kLosses),
                                  fmt::join(kLosses, ", ")));
}

std::string to_string(Loss loss) { return std::string(kLosses[static_cast<std::size_t>(loss)]); }

bool NetworkSpec::drops_out() const {
    return input_dropout > 0.0F ||
           std::ranges::any_of(layers, [](const LayerSpec& layer) { return layer.dropout > 0.0F; });
}

void check(const NetworkSpec& spec) {
    if (spec.layers.empty()) throw ConfigError("the network has no layer; give at least one network.layer");
    for (std::size_t l = 0; l + 1 < spec.layers.size(); ++l) {
        if (spec.layers[l].softmax) {
            throw ConfigError(fmt::format("layer {} is softmax, which only the last layer can be", l));
        }
    }
    if (!has_parameters(spec)) {
        throw ConfigError(
            fmt::format("no layer has parameters, so there is nothing to learn; add one such as '{}'",
                        layer_kinds().front()->example));
    }
    const LayerSpec& output = spec.layers.back();
    if (output.dropout != 0.0F) {
        throw ConfigError("dropout of the last layer would silence the network's own outputs; remove it");
    }
    const bool steps = !output.softmax && output.activation.kind == ActivationKind::kStep;
    if (spec.loss == Loss::kPerceptron && (!steps || spec.layers.size() > 1)) {
        throw ConfigError(
            "loss perceptron is the error-correcting rule of one layer of unit steps; give one layer with "
            "activation=step, or use square_error");
    }
    const bool sigmoid = !output.softmax && output.activation.kind == ActivationKind::kSigmoid;
    if (spec.loss == Loss::kCrossEntropyBoth && !output.softmax) {
        throw ConfigError(
            "loss cross_entropy_both is for softmax outputs; with activation=sigmoid, cross_entropy has both "
            "terms already, and other outputs go with square_error");
    }
    if (spec.loss == Loss::kCrossEntropy && !output.softmax && !sigmoid) {
        throw ConfigError(
            "loss cross_entropy needs probabilities: make the last layer activation=softmax or "
            "activation=sigmoid, "
            "or use loss square_error");
    }
    if (spec.loss == Loss::kCrossEntropy && sigmoid && output.activation.b != 1.0F) {
        throw ConfigError("loss cross_entropy takes sigmoid outputs of steepness 1");
    }
    if (!is_cross_entropy(spec.loss) && output.softmax) {
        throw ConfigError(fmt::format("loss {} takes element-wise outputs; use cross_entropy with softmax",
                                      to_string(spec.loss)));
    }
    if (spec.inputs.count() == 0) return;
    if (output.softmax && output_shape(spec).count() < 2)
        throw ConfigError("a softmax layer needs at least 2 units");
}

}  // namespace lockstep
