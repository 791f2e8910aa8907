// The table of layer kinds: all that the program knows of a kind stands in its row.
//
// A new kind is a file in this room, which defines its row, and the row's name in layer_kind.cpp. A program
// that uses the library has rows of its own wherever it likes: LayerSpec::kind may point to any.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/arithmetic/activation_table.h"
#include "core/arithmetic/arithmetic.h"
#include "core/base/shape.h"
#include "core/network/layers/layer.h"
#include "core/network/network_spec.h"
#include "core/network/parameter_layout.h"

namespace lockstep {

/// A key of one kind's own: a number within bounds, both of which it may take.
struct LayerNumber {
    std::string_view name;  ///< "window"
    double least = 0.0;
    double most = 0.0;
    bool whole = false;
    std::optional<double> preset;  ///< what it is where the text leaves it out; none: it must be given
};

/// A matrix of parameters that a layer needs: "weight" becomes the block "layer0.weight".
struct LayerBlock {
    std::string_view name;
    std::size_t rows = 0;
    std::size_t cols = 0;
    ParameterRole role = ParameterRole::kOther;
};

/// A layer's place in a network, from which it is made.
struct LayerSite {
    const LayerSpec& spec;  ///< the last layer's with the activation that the objective leaves to it
    std::size_t index = 0;
    Shape input;
    Shape output;
    Arithmetic arithmetic = Arithmetic::kFp32;
    std::span<const ParameterBlock>
        blocks;  ///< as LayerKind::blocks asked, offsets from the start of the run
};

/// What a reference formula computes with: the blocks as matrices of double.
struct ReferenceBlock {
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::span<const double> values;  ///< (rows, cols)
    [[nodiscard]] double operator()(std::size_t r, std::size_t c) const { return values[r * cols + c]; }
};

struct LayerKind {
    std::string_view name;     ///< "dense"
    std::string_view example;  ///< a whole layer of the kind, for messages

    // Its text. Every kind reads activation=, the activation's own parameters, and dropout=.
    bool units = false;                         ///< reads units=, the number of its outputs
    bool biases = false;                        ///< reads bias_init=, how these are drawn
    std::span<const LayerNumber> numbers = {};  ///< keys of its own, which LayerSpec::numbers keeps
    Potential potential = Potential::kSum;      ///< which activations it takes
    /// Where the text names none; none: it must.
    std::optional<ActivationKind> activation = ActivationKind::kIdentity;
    std::span<const Initialiser> initialisers = {};  ///< what init= may be; none: nothing is drawn
    /// Where the text names none. Null where nothing is drawn.
    Initialiser (*initialiser)(Activation f) = nullptr;
    std::string_view initialiser_rule = {};  ///< says why another init= is refused: "is made for weights; …"

    /// Shape of the outputs behind `input`. Throws ConfigError where the layer cannot stand there.
    Shape (*output_shape)(const LayerSpec& spec, const Shape& input) = nullptr;
    /// Empty for a layer without parameters.
    std::vector<LayerBlock> (*blocks)(const LayerSpec& spec, const Shape& input) = nullptr;
    std::unique_ptr<Layer> (*make)(const LayerSite& site) = nullptr;
    /// ξ of one sample in double, by the formula alone and by none of the layer's code. Shapes: x (inputs),
    /// result (outputs).
    std::vector<double> (*potentials)(const LayerSpec& spec, const Shape& input,
                                      std::span<const ReferenceBlock> blocks,
                                      std::span<const double> x) = nullptr;
};

std::span<const LayerKind* const> layer_kinds();

/// The names of the activations that a kind takes.
std::vector<std::string_view> activation_names(const LayerKind& kind);
/// "he", "glorot", …, in the order of Initialiser.
std::span<const std::string_view> initialiser_names();
/// What a layer's text may say, for help: all kinds with their keys.
std::string layer_help();

}  // namespace lockstep
