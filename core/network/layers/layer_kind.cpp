#include "core/network/layers/layer_kind.h"

#include <fmt/format.h>

#include <array>

namespace lockstep {

extern const LayerKind kActivationLayer;
extern const LayerKind kDenseLayer;
extern const LayerKind kDistanceLayer;

namespace {

constexpr std::array kKinds{&kDenseLayer, &kDistanceLayer, &kActivationLayer};
constexpr std::array<std::string_view, 8> kInitialisers{"he",        "glorot",        "lecun",  "uniform",
                                                        "he_normal", "glorot_normal", "normal", "constant"};

std::string help_of(const LayerKind& kind) {
    std::string text(kind.name);
    if (kind.units) text += " units=N";
    const auto add = [&](bool optional, const std::string& word) {
        text += optional ? fmt::format(" [{}]", word) : " " + word;
    };
    for (const LayerNumber& number : kind.numbers) {
        add(number.preset.has_value(), fmt::format("{}=n", number.name));
    }
    add(kind.activation.has_value(), fmt::format("activation={}", fmt::join(activation_names(kind), "|")));
    for (const ActivationRow& row : activation_table()) {
        if (row.potential != kind.potential) continue;
        for (const ActivationKey& key : {row.a, row.b}) {
            const std::string word = fmt::format(" [{}=x]", key.name);
            if (!key.name.empty() && text.find(word) == std::string::npos) text += word;
        }
    }
    if (kind.initialisers.empty()) return text;
    std::vector<std::string_view> laws;
    for (const Initialiser law : kind.initialisers)
        laws.push_back(kInitialisers[static_cast<std::size_t>(law)]);
    return text + fmt::format(" [init={}] [scale=x]", fmt::join(laws, "|"));
}

}  // namespace

std::span<const LayerKind* const> layer_kinds() { return kKinds; }

std::vector<std::string_view> activation_names(const LayerKind& kind) {
    std::vector<std::string_view> names;
    for (const ActivationRow& row : activation_table()) {
        if (row.potential == kind.potential) names.push_back(row.name);
    }
    if (kind.potential == Potential::kSum) names.emplace_back("softmax");
    return names;
}

std::span<const std::string_view> initialiser_names() { return kInitialisers; }

std::string layer_help() {
    std::string text;
    for (const LayerKind* kind : kKinds) text += (text.empty() ? "" : "; or ") + help_of(*kind);
    return text + "; each with [dropout=share of its outputs]";
}

}  // namespace lockstep
