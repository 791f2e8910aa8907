#include "launcher/exchange/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/base/number.h"
#include "core/data/input_scale.h"

namespace lockstep {

namespace {

constexpr std::string_view kFormat = "lockstep";
constexpr std::string_view kBetweenLayers = "; ";

std::string text_of(const nlohmann::json& metadata, const char* name) {
    const auto found = metadata.find(name);
    if (found == metadata.end() || !found->is_string())
        throw std::runtime_error(fmt::format("its metadata have no text called {}", name));
    return found->get<std::string>();
}

template <class T>
T number_of(const nlohmann::json& metadata, const char* name) {
    const std::string text = text_of(metadata, name);
    if (const auto number = parse_number<T>(text)) return *number;
    throw std::runtime_error(fmt::format("{} = {} of its metadata is no such number", name, text));
}

/// The place of a name among others.
template <class Names>
std::size_t place_of(const nlohmann::json& metadata, const char* name, const Names& names) {
    const std::string text = text_of(metadata, name);
    const auto found = std::ranges::find(names, text);
    if (found != std::ranges::end(names)) return static_cast<std::size_t>(found - std::ranges::begin(names));
    throw std::runtime_error(
        fmt::format("{} = {} of its metadata is none of {}", name, text, fmt::join(names, ", ")));
}

std::vector<LayerSpec> layers_of(std::string_view text) {
    std::vector<LayerSpec> layers;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(kBetweenLayers, begin), text.size());
        layers.push_back(parse_layer(text.substr(begin, end - begin)));
        begin = end + kBetweenLayers.size();
    }
    return layers;
}

std::optional<float> divisor_of(const nlohmann::json& metadata) {
    if (!metadata.contains("input_divisor")) return std::nullopt;
    const auto scale = parse_input_scale(text_of(metadata, "input_divisor"));
    if (scale && !scale->automatic) return scale->divisor;
    throw std::runtime_error("input_divisor of its metadata is no number");
}

}  // namespace

nlohmann::ordered_json metadata_of(const ModelRecord& record) {
    std::vector<std::string> layers;
    for (const LayerSpec& layer : record.network.layers) layers.push_back(to_string(layer));
    const PreprocessingOptions preprocessing =
        record.preprocessing ? record.preprocessing->options : PreprocessingOptions{};
    const auto text = [](const auto& value) { return fmt::format("{}", value); };
    nlohmann::ordered_json metadata{
        {"format", kFormat},
        {"inputs", text(record.network.inputs.count())},
        {"layers", fmt::format("{}", fmt::join(layers, kBetweenLayers))},
        {"loss", to_string(record.network.loss)},
        {"target_low", text(record.network.coding.low)},
        {"target_high", text(record.network.coding.high)},
        {"preprocessing", input_scaling_names()[static_cast<std::size_t>(preprocessing.inputs)]},
        {"components", text(preprocessing.components)},
        {"data_source", record.data_source},
        {"classes", text(record.classes)},
        {"seed", text(record.seed)},
        {"step", text(record.step)},
        {"epoch", text(record.epoch)},
        {"optimizer", record.optimizer},
        {"arithmetic", name_of(record.arithmetic)},
        {"lockstep_version", record.lockstep_version}};
    if (record.input_divisor) {
        metadata["input_divisor"] =
            to_string(InputScale{.automatic = false, .divisor = *record.input_divisor});
    }
    return metadata;
}

bool is_of_lockstep(const nlohmann::json& metadata) {
    return metadata.is_object() && metadata.value("format", nlohmann::json()) == kFormat &&
           metadata.contains("inputs");
}

ModelRecord record_of(const nlohmann::json& metadata) {
    ModelRecord record;
    record.network.inputs = number_of<std::size_t>(metadata, "inputs");
    record.network.layers = layers_of(text_of(metadata, "layers"));
    record.network.loss = parse_loss(text_of(metadata, "loss"));
    record.network.coding.low = number_of<float>(metadata, "target_low");
    record.network.coding.high = number_of<float>(metadata, "target_high");
    record.data_source = text_of(metadata, "data_source");
    record.input_divisor = divisor_of(metadata);
    record.classes = number_of<std::size_t>(metadata, "classes");
    record.seed = number_of<std::uint64_t>(metadata, "seed");
    record.step = number_of<std::uint64_t>(metadata, "step");
    record.epoch = number_of<std::uint64_t>(metadata, "epoch");
    record.optimizer = text_of(metadata, "optimizer");
    record.arithmetic = static_cast<Arithmetic>(place_of(metadata, "arithmetic", names_of<Arithmetic>));
    record.lockstep_version = text_of(metadata, "lockstep_version");
    const auto inputs = static_cast<InputScaling>(place_of(metadata, "preprocessing", input_scaling_names()));
    if (inputs != InputScaling::kNone) {
        Preprocessing preprocessing;
        preprocessing.options = {.inputs = inputs,
                                 .components = number_of<std::size_t>(metadata, "components")};
        record.preprocessing = std::make_shared<Preprocessing>(std::move(preprocessing));
    }
    return record;
}

}  // namespace lockstep
