// The description of a network: what a configuration says and a model file records, before any memory is
// held.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/arithmetic/activation.h"
#include "core/base/shape.h"

namespace lockstep {

struct LayerKind;

/// How a layer's weights are drawn; biases start at 0, or are drawn as the weights are. Uniform in [−w, w]:
///   kHe      w = √(6 / inputs)              He et al., ICCV 2015 (for ReLU)
///   kGlorot  w = √(6 / (inputs + outputs))  Glorot and Bengio, AISTATS 2010
///   kLecun   w = √(3 / inputs)              LeCun et al., "Efficient BackProp", 1998:
///                                           potentials of unit variance
///   kUniform w = scale, or √(3 / inputs)
/// Normal, of mean 0 and deviation s:
///   kHeNormal      s = √(2 / inputs)
///   kGlorotNormal  s = √(2 / (inputs + outputs))
///   kNormal        s = scale, or 1 / √inputs
/// and kConstant, all of them equal to scale, or 0.
enum class Initialiser { kHe, kGlorot, kLecun, kUniform, kHeNormal, kGlorotNormal, kNormal, kConstant };

/// The output neurons' function is the layer's element-wise activation, or softmax over the whole row.
struct LayerSpec {
    const LayerKind* kind = nullptr;  ///< its row of layers/layer_kind.h
    std::size_t units = 0;            ///< where the kind reads it; what comes out is output_shapes()'s to say
    std::vector<double> numbers;      ///< of the kind's own keys, in the order of LayerKind::numbers
    Activation activation;
    bool softmax = false;
    Initialiser initialiser = Initialiser::kGlorot;
    std::optional<float> init_scale;  ///< of kUniform, kNormal and kConstant
    bool draws_biases = false;        ///< by the weights' law; else they start at 0
    float dropout = 0.0F;  ///< share of the outputs that are silenced in a training step, in [0, 1)
    bool operator==(const LayerSpec&) const = default;
};

/// The error function E of one sample with m outputs y and target t; a batch's error is the mean over its
/// samples, and their sum with kSquareErrorSum alone.
///   kCrossEntropy      −Σ t log y with softmax outputs; −Σ t log y + (1 − t) log(1 − y) with sigmoid outputs
///   kCrossEntropyBoth  −Σ t log y + (1 − t) log(1 − y), with softmax outputs
///   kSquareError       ½ Σ (y − t)²; the mean over the samples is what the lecture calls mean square error
///   kSquareErrorSum    ½ Σ (y − t)², added over the samples: the lecture's square error
///   kMeanSquareError   1/m Σ (y − t)², as PyTorch's MSELoss has it
///   kPerceptron        Σ |y − t|, the wrong outputs of a layer of unit steps; its delta is y − t, with which
///                      a step is Rosenblatt's error-correcting rule and no descent
enum class Loss {
    kCrossEntropy,
    kSquareError,
    kSquareErrorSum,
    kMeanSquareError,
    kCrossEntropyBoth,
    kPerceptron
};

/// Whether the loss takes outputs as probabilities.
constexpr bool is_cross_entropy(Loss loss) {
    return loss == Loss::kCrossEntropy || loss == Loss::kCrossEntropyBoth;
}

/// What square errors take a class for: the output of the sample's class is to be `high`, all others `low`.
struct TargetCoding {
    bool classes = false;  ///< whether targets are classes at all
    float low = 0.0F;
    float high = 1.0F;
    bool operator==(const TargetCoding&) const = default;
};

struct NetworkSpec {
    Shape inputs;  ///< models keep their count
    std::vector<LayerSpec> layers;
    Loss loss = Loss::kCrossEntropy;
    TargetCoding coding;  ///< concerns the error alone, models do not keep it
    float input_dropout =
        0.0F;  ///< the same share of the inputs; concerns training alone, models do not keep it
    bool dropout_by_step = false;  ///< one set of silent neurons for all samples of a step; likewise

    /// Whether anything is silenced in a training step.
    [[nodiscard]] bool drops_out() const;
    bool operator==(const NetworkSpec&) const = default;
};

/// Reads "dense units=800 activation=relu init=he": the kind, then those attributes that its row of
/// layers/layer_kind.h and its activation's row read, in any order. Rows of `own` are kinds too: those of a
/// program that uses the library.
/// Throws ConfigError naming the attribute, the rule and the nearest valid spelling.
LayerSpec parse_layer(std::string_view text, std::span<const LayerKind* const> own = {});
/// The text that parse_layer reads back as the same specification.
std::string to_string(const LayerSpec& layer);

/// What each layer puts out, first to last. Throws ConfigError where one cannot stand where it does.
std::vector<Shape> output_shapes(const NetworkSpec& spec);
/// What the last one puts out. Requires a layer.
Shape output_shape(const NetworkSpec& spec);

/// The losses' names, in the order of the enumeration.
std::span<const std::string_view> loss_names();
/// One of loss_names(). Throws ConfigError.
Loss parse_loss(std::string_view text);
std::string to_string(Loss loss);

/// Throws ConfigError where the layers do not go together: no layer, or none with parameters, softmax before
/// the last one, an output function the loss has no use for, dropout of the outputs themselves; and, where
/// the inputs are known, layers that cannot stand behind each other.
void check(const NetworkSpec& spec);

}  // namespace lockstep
