#include "core/network/network_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 2> kKinds{"dense", "distance"};
constexpr std::array<std::string_view, 9> kAttributes{
    "units", "activation", "amplitude", "steepness", "width", "init", "bias_init", "dropout", "scale"};
constexpr std::array<std::string_view, 2> kBiasInitialisers{"zero", "weights"};
/// In the order of ActivationKind, but for the last two places.
constexpr std::array<std::string_view, 8> kActivations{"identity", "relu",      "sigmoid",  "tanh",
                                                       "step",     "saturated", "gaussian", "softmax"};
constexpr std::array<std::string_view, 2> kDistanceActivations{"gaussian", "identity"};
constexpr std::array<std::string_view, 8> kInitialisers{"he",        "glorot",        "lecun",  "uniform",
                                                        "he_normal", "glorot_normal", "normal", "constant"};
constexpr std::array<std::string_view, 6> kLosses{"cross_entropy",      "square_error",
                                                  "square_error_sum",   "mean_square_error",
                                                  "cross_entropy_both", "perceptron"};

/// The position of `word` among the valid ones; a ConfigError that lists them otherwise.
template <std::size_t N>
std::size_t choice(std::string_view what, std::string_view word,
                   const std::array<std::string_view, N>& valid) {
    for (std::size_t i = 0; i < N; ++i) {
        if (valid[i] == word) return i;
    }
    throw ConfigError(fmt::format("'{}' is not a valid {}{}; valid: {}", word, what,
                                  did_you_mean(word, valid), fmt::join(valid, ", ")));
}

float parse_parameter(std::string_view name, std::string_view text) {
    const auto value = parse_number<float>(text);
    if (!value || !(*value > 0.0F)) {
        throw ConfigError(fmt::format("{}={} must be a positive number{}", name, text, decimal_hint(text)));
    }
    return *value;
}

float parse_init_scale(Initialiser initialiser, std::string_view text) {
    if (initialiser == Initialiser::kUniform || initialiser == Initialiser::kNormal)
        return parse_parameter("scale", text);
    if (initialiser != Initialiser::kConstant)
        throw ConfigError("scale= belongs to init=uniform, init=normal and init=constant");
    const auto value = parse_number<float>(text);
    if (!value) throw ConfigError(fmt::format("scale={} must be a number{}", text, decimal_hint(text)));
    return *value;
}

float parse_dropout(std::string_view text) {
    const auto value = parse_number<float>(text);
    if (!value || !(*value >= 0.0F && *value < 1.0F)) {
        throw ConfigError(
            fmt::format("dropout={} must be a number from 0 and below 1{}", text, decimal_hint(text)));
    }
    return *value;
}

/// A distance layer's, the Gaussian where none is given.
void set_distance_activation(LayerSpec& layer, std::optional<std::string_view> name) {
    const bool gaussian = !name || choice("activation of a distance layer", *name, kDistanceActivations) == 0;
    layer.activation.kind = gaussian ? ActivationKind::kGaussian : ActivationKind::kDistance;
}

void set_activation(LayerSpec& layer, std::optional<std::string_view> name) {
    if (layer.kind == "distance") return set_distance_activation(layer, name);
    if (!name) return;
    const std::size_t which = choice("activation", *name, kActivations);
    layer.softmax = which == kActivations.size() - 1;
    if (!layer.softmax) layer.activation.kind = static_cast<ActivationKind>(which);
    if (layer.activation.kind == ActivationKind::kGaussian) {
        throw ConfigError(
            "activation=gaussian is a function of a distance; give the layer the kind distance, as in "
            "'distance units=5 width=0.5'");
    }
}

std::string_view activation_name(const LayerSpec& layer) {
    if (layer.softmax) return "softmax";
    if (layer.activation.kind == ActivationKind::kDistance) return "identity";
    return kActivations[static_cast<std::size_t>(layer.activation.kind)];
}

/// A Gaussian's, whose square and that one's inverse must be normal floats.
float parse_width(std::string_view text) {
    const float width = parse_parameter("width", text);
    if (width < 1e-18F || width > 1e18F)
        throw ConfigError(fmt::format("width={} must lie between 1e-18 and 1e18", text));
    return width;
}

/// The laws of weights look at a layer's widths, which say nothing of where the centres should lie.
void check_centres(Initialiser initialiser) {
    if (initialiser == Initialiser::kUniform || initialiser == Initialiser::kNormal ||
        initialiser == Initialiser::kConstant)
        return;
    throw ConfigError(
        fmt::format("init={} is made for weights; the centres of a distance layer take init=uniform, "
                    "init=normal or init=constant, with scale= as far as the inputs reach",
                    kInitialisers[static_cast<std::size_t>(initialiser)]));
}

Initialiser default_initialiser(const LayerSpec& layer) {
    if (layer.kind == "distance") return Initialiser::kUniform;
    return layer.activation.kind == ActivationKind::kRelu ? Initialiser::kHe : Initialiser::kGlorot;
}

}  // namespace

LayerSpec parse_layer(std::string_view text) {
    std::istringstream words{std::string(text)};
    LayerSpec layer;
    if (!(words >> layer.kind))
        throw ConfigError("a layer needs a kind, as in 'dense units=800 activation=relu'");
    choice("layer kind", layer.kind, kKinds);

    std::map<std::string, std::string, std::less<>> given;
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        choice("layer attribute", name, kAttributes);
        if (equals == std::string::npos)
            throw ConfigError(fmt::format("layer attribute '{}' needs a value", name));
        if (!given.emplace(name, word.substr(equals + 1)).second) {
            throw ConfigError(fmt::format("layer attribute '{}' is given twice", name));
        }
    }

    if (!given.contains("units")) throw ConfigError(fmt::format("a {} layer needs units=N", layer.kind));
    const auto units = parse_number<std::size_t>(given["units"]);
    constexpr std::size_t kMostUnits = std::size_t{1} << 31;
    if (!units || *units == 0 || *units > kMostUnits) {
        throw ConfigError(fmt::format("units={} must be a whole number from 1 to {}{}", given["units"],
                                      kMostUnits, digits_hint(given["units"])));
    }
    layer.units = *units;
    const auto activation = given.find("activation");
    set_activation(layer, activation == given.end() ? std::nullopt : std::optional(activation->second));
    const ActivationKind kind = layer.activation.kind;
    if (given.contains("amplitude")) {
        if (kind != ActivationKind::kTanh) throw ConfigError("amplitude= belongs to activation=tanh alone");
        layer.activation.a = parse_parameter("amplitude", given["amplitude"]);
    }
    if (given.contains("steepness")) {
        if (kind != ActivationKind::kTanh && kind != ActivationKind::kSigmoid) {
            throw ConfigError("steepness= belongs to activation=sigmoid and activation=tanh");
        }
        layer.activation.b = parse_parameter("steepness", given["steepness"]);
    }
    if (given.contains("width")) {
        if (kind != ActivationKind::kGaussian)
            throw ConfigError("width= belongs to activation=gaussian alone");
        layer.activation.b = parse_width(given["width"]);
    }
    layer.initialiser = given.contains("init")
                            ? static_cast<Initialiser>(choice("initialiser", given["init"], kInitialisers))
                            : default_initialiser(layer);
    if (layer.kind == "distance") check_centres(layer.initialiser);
    if (given.contains("scale")) layer.init_scale = parse_init_scale(layer.initialiser, given["scale"]);
    if (given.contains("bias_init")) {
        if (layer.kind == "distance")
            throw ConfigError("bias_init= belongs to dense layers: a distance layer has no biases");
        layer.draws_biases = choice("bias_init", given["bias_init"], kBiasInitialisers) == 1;
    }
    if (given.contains("dropout")) layer.dropout = parse_dropout(given["dropout"]);
    return layer;
}

std::string to_string(const LayerSpec& layer) {
    std::string text =
        fmt::format("{} units={} activation={}", layer.kind, layer.units, activation_name(layer));
    // {} prints the shortest digits that read back as the same float.
    if (layer.activation.a != 1.0F) text += fmt::format(" amplitude={}", layer.activation.a);
    const bool gaussian = layer.activation.kind == ActivationKind::kGaussian;
    if (layer.activation.b != 1.0F)
        text += fmt::format(" {}={}", gaussian ? "width" : "steepness", layer.activation.b);
    text += fmt::format(" init={}", kInitialisers[static_cast<std::size_t>(layer.initialiser)]);
    if (layer.init_scale) text += fmt::format(" scale={}", *layer.init_scale);
    if (layer.draws_biases) text += " bias_init=weights";
    if (layer.dropout != 0.0F) text += fmt::format(" dropout={}", layer.dropout);
    return text;
}

std::span<const std::string_view> loss_names() { return kLosses; }

Loss parse_loss(std::string_view text) { return static_cast<Loss>(choice("loss", text, kLosses)); }

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
    if (output.softmax && output.units < 2) throw ConfigError("a softmax layer needs at least 2 units");
}

}  // namespace lockstep
