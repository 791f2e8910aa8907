// A layer's text and back, by the row of its kind.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/network/layers/layer_kind.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 2> kBiasInitialisers{"zero", "weights"};

using Attributes = std::map<std::string, std::string, std::less<>>;

/// The position of `word` among the valid ones; a ConfigError that lists them otherwise.
std::size_t choice(std::string_view what, std::string_view word, std::span<const std::string_view> valid) {
    const auto found = std::ranges::find(valid, word);
    if (found != valid.end()) return static_cast<std::size_t>(found - valid.begin());
    throw ConfigError(fmt::format("'{}' is not a valid {}{}; valid: {}", word, what,
                                  did_you_mean(word, valid), fmt::join(valid, ", ")));
}

const LayerKind& kind_of(std::string_view name, std::span<const LayerKind* const> own) {
    std::vector<const LayerKind*> kinds(layer_kinds().begin(), layer_kinds().end());
    kinds.insert(kinds.end(), own.begin(), own.end());
    std::vector<std::string_view> names;
    for (const LayerKind* kind : kinds) names.push_back(kind->name);
    return *kinds[choice("layer kind", name, names)];
}

std::vector<std::string_view> keys_of(const LayerKind& kind) {
    std::vector<std::string_view> keys;
    if (kind.units) keys.emplace_back("units");
    for (const LayerNumber& number : kind.numbers) keys.push_back(number.name);
    keys.emplace_back("activation");
    for (const ActivationRow& row : activation_table()) {
        for (const ActivationKey& key : {row.a, row.b}) {
            const bool known = std::ranges::find(keys, key.name) != keys.end();
            if (!key.name.empty() && !known) keys.push_back(key.name);
        }
    }
    if (!kind.initialisers.empty()) keys.insert(keys.end(), {"init", "scale"});
    if (kind.biases) keys.emplace_back("bias_init");
    keys.emplace_back("dropout");
    return keys;
}

bool is_known_key(std::string_view name) {
    return std::ranges::any_of(layer_kinds(), [&](const LayerKind* kind) {
        const std::vector<std::string_view> keys = keys_of(*kind);
        return std::ranges::find(keys, name) != keys.end();
    });
}

Attributes parse_attributes(const LayerKind& kind, std::istream& words) {
    const std::vector<std::string_view> keys = keys_of(kind);
    Attributes given;
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        if (std::ranges::find(keys, name) == keys.end() && is_known_key(name)) {
            throw ConfigError(fmt::format("{}= is for other kinds of layers; the kind {} takes {}", name,
                                          kind.name, fmt::join(keys, ", ")));
        }
        choice("layer attribute", name, keys);
        if (equals == std::string::npos)
            throw ConfigError(fmt::format("layer attribute '{}' needs a value", name));
        if (!given.emplace(name, word.substr(equals + 1)).second) {
            throw ConfigError(fmt::format("layer attribute '{}' is given twice", name));
        }
    }
    return given;
}

std::size_t parse_units(const LayerKind& kind, const Attributes& given) {
    const auto text = given.find("units");
    if (text == given.end()) throw ConfigError(fmt::format("a {} layer needs units=N", kind.name));
    const auto units = parse_number<std::size_t>(text->second);
    constexpr std::size_t kMostUnits = std::size_t{1} << 31;
    if (!units || *units == 0 || *units > kMostUnits) {
        throw ConfigError(fmt::format("units={} must be a whole number from 1 to {}{}", text->second,
                                      kMostUnits, digits_hint(text->second)));
    }
    return *units;
}

double parse_own(const LayerKind& kind, const LayerNumber& number, const Attributes& given) {
    const auto text = given.find(number.name);
    if (text == given.end()) {
        if (number.preset) return *number.preset;
        throw ConfigError(fmt::format("a {} layer needs {}=", kind.name, number.name));
    }
    const auto value = parse_number<double>(text->second);
    const bool whole = value && *value == static_cast<double>(static_cast<std::int64_t>(*value));
    if (!value || *value < number.least || *value > number.most || (number.whole && !whole)) {
        throw ConfigError(fmt::format("{}={} must be a {} from {} to {}", number.name, text->second,
                                      number.whole ? "whole number" : "number", number.least, number.most) +
                          (number.whole ? digits_hint(text->second) : decimal_hint(text->second)));
    }
    return *value;
}

/// Where a kind does not take the activation, but another does.
void refuse_activation_of_others(const LayerKind& kind, std::string_view name) {
    const auto row =
        std::ranges::find(activation_table(), name, [](const ActivationRow& r) { return r.name; });
    // A distance layer's own list says all.
    if (row == activation_table().end() || row->potential != Potential::kDistance ||
        kind.potential == Potential::kDistance)
        return;
    const auto other = std::ranges::find(layer_kinds(), row->potential, &LayerKind::potential);
    throw ConfigError(
        fmt::format("activation={} is a function of a distance; give the layer the kind {}, as in '{}'", name,
                    (*other)->name, (*other)->example));
}

void set_activation(LayerSpec& layer, const Attributes& given) {
    const LayerKind& kind = *layer.kind;
    const auto text = given.find("activation");
    const std::vector<std::string_view> names = activation_names(kind);
    if (text == given.end()) {
        if (!kind.activation) {
            throw ConfigError(
                fmt::format("a {} layer needs activation=, one of {}", kind.name, fmt::join(names, ", ")));
        }
        layer.activation.kind = *kind.activation;
        return;
    }
    const std::string_view name = text->second;
    layer.softmax = name == "softmax" && std::ranges::find(names, name) != names.end();
    if (layer.softmax) return;
    const auto fits = [&](const ActivationRow& row) {
        return row.name == name && row.potential == kind.potential;
    };
    const auto table = activation_table();
    const auto row = std::ranges::find_if(table, fits);
    if (row == table.end()) {
        refuse_activation_of_others(kind, name);
        choice(fmt::format("activation of a {} layer", kind.name), name, names);
    }
    layer.activation.kind = static_cast<ActivationKind>(row - table.begin());
}

float parse_positive(std::string_view name, std::string_view text) {
    const auto value = parse_number<float>(text);
    if (!value || !(*value > 0.0F)) {
        throw ConfigError(fmt::format("{}={} must be a positive number{}", name, text, decimal_hint(text)));
    }
    return *value;
}

/// A given key that the chosen activation does not read.
void refuse_keys_of_other_activations(const LayerSpec& layer, const Attributes& given) {
    const ActivationRow& chosen = row_of(layer.activation.kind);
    for (const auto& [name, text] : given) {
        if (name == chosen.a.name || name == chosen.b.name) continue;
        std::vector<std::string> owners;
        for (const ActivationRow& row : activation_table()) {
            if (name == row.a.name || name == row.b.name)
                owners.push_back(fmt::format("activation={}", row.name));
        }
        if (owners.empty()) continue;
        throw ConfigError(fmt::format("{}= belongs to {}{}", name, fmt::join(owners, " and "),
                                      owners.size() == 1 ? " alone" : ""));
    }
}

void set_parameter(float& parameter, const ActivationKey& key, const Attributes& given) {
    const auto text = given.find(key.name);
    if (key.name.empty() || text == given.end()) return;
    parameter = parse_positive(key.name, text->second);
    if (parameter < key.least || parameter > key.most) {
        throw ConfigError(
            fmt::format("{}={} must lie between {} and {}", key.name, text->second, key.least, key.most));
    }
}

float parse_init_scale(Initialiser initialiser, std::string_view text) {
    if (initialiser == Initialiser::kUniform || initialiser == Initialiser::kNormal)
        return parse_positive("scale", text);
    if (initialiser != Initialiser::kConstant)
        throw ConfigError("scale= belongs to init=uniform, init=normal and init=constant");
    const auto value = parse_number<float>(text);
    if (!value) throw ConfigError(fmt::format("scale={} must be a number{}", text, decimal_hint(text)));
    return *value;
}

void set_initialiser(LayerSpec& layer, const Attributes& given) {
    const LayerKind& kind = *layer.kind;
    if (kind.initialisers.empty()) return;
    layer.initialiser = kind.initialiser(layer.activation);
    if (const auto text = given.find("init"); text != given.end()) {
        layer.initialiser =
            static_cast<Initialiser>(choice("initialiser", text->second, initialiser_names()));
        if (std::ranges::find(kind.initialisers, layer.initialiser) == kind.initialisers.end()) {
            throw ConfigError(fmt::format("init={} {}", text->second, kind.initialiser_rule));
        }
    }
    if (const auto text = given.find("scale"); text != given.end())
        layer.init_scale = parse_init_scale(layer.initialiser, text->second);
}

float parse_dropout(std::string_view text) {
    const auto value = parse_number<float>(text);
    if (!value || !(*value >= 0.0F && *value < 1.0F)) {
        throw ConfigError(
            fmt::format("dropout={} must be a number from 0 and below 1{}", text, decimal_hint(text)));
    }
    return *value;
}

}  // namespace

LayerSpec parse_layer(std::string_view text, std::span<const LayerKind* const> own) {
    std::istringstream words{std::string(text)};
    std::string name;
    if (!(words >> name)) {
        throw ConfigError(fmt::format("a layer needs a kind, as in '{}'", layer_kinds().front()->example));
    }
    LayerSpec layer;
    layer.kind = &kind_of(name, own);
    const Attributes given = parse_attributes(*layer.kind, words);
    if (layer.kind->units) layer.units = parse_units(*layer.kind, given);
    for (const LayerNumber& number : layer.kind->numbers)
        layer.numbers.push_back(parse_own(*layer.kind, number, given));
    set_activation(layer, given);
    refuse_keys_of_other_activations(layer, given);
    const ActivationRow& activation = row_of(layer.activation.kind);
    set_parameter(layer.activation.a, activation.a, given);
    set_parameter(layer.activation.b, activation.b, given);
    set_initialiser(layer, given);
    if (const auto biases = given.find("bias_init"); biases != given.end())
        layer.draws_biases = choice("bias_init", biases->second, kBiasInitialisers) == 1;
    if (const auto dropout = given.find("dropout"); dropout != given.end())
        layer.dropout = parse_dropout(dropout->second);
    return layer;
}

std::string to_string(const LayerSpec& layer) {
    const LayerKind& kind = *layer.kind;
    const ActivationRow& activation = row_of(layer.activation.kind);
    std::string text(kind.name);
    // {} prints the shortest digits that read back as the same number.
    if (kind.units) text += fmt::format(" units={}", layer.units);
    for (std::size_t i = 0; i < kind.numbers.size(); ++i)
        text += fmt::format(" {}={}", kind.numbers[i].name, layer.numbers[i]);
    text += fmt::format(" activation={}", layer.softmax ? "softmax" : activation.name);
    if (layer.activation.a != 1.0F) text += fmt::format(" {}={}", activation.a.name, layer.activation.a);
    if (layer.activation.b != 1.0F) text += fmt::format(" {}={}", activation.b.name, layer.activation.b);
    if (!kind.initialisers.empty())
        text += fmt::format(" init={}", initialiser_names()[static_cast<std::size_t>(layer.initialiser)]);
    if (layer.init_scale) text += fmt::format(" scale={}", *layer.init_scale);
    if (layer.draws_biases) text += " bias_init=weights";
    if (layer.dropout != 0.0F) text += fmt::format(" dropout={}", layer.dropout);
    return text;
}

}  // namespace lockstep
