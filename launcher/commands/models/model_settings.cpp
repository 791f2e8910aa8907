#include "launcher/commands/models/model_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/data/input_scale.h"
#include "core/data/open_data.h"
#include "launcher/files/model_difference.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

std::string text_of(InputScaling scaling) {
    return std::string(input_scaling_names()[static_cast<std::size_t>(scaling)]);
}

/// Keys that a use of a model reads besides data.* and those that the model decides.
constexpr std::array<std::string_view, 6> kRead{"network.digraph",     "network.digraph_steps",
                                                "training.leaf",       "training.threads",
                                                "training.arithmetic", "run.hang_timeout"};

/// The values that the model gives the key; none: it has no say in it.
std::vector<std::string> values_of(std::string_view key, const ModelRecord& record) {
    const NetworkSpec& network = record.network;
    const PreprocessingOptions inputs =
        record.preprocessing ? record.preprocessing->options : PreprocessingOptions{};
    const bool codes =
        record.classes > 0 && !is_cross_entropy(network.loss) && network.loss != Loss::kPerceptron;
    std::vector<std::string> texts;
    if (key == "network.layer") {
        for (const LayerSpec& layer : network.layers) texts.push_back(to_string(layer));
    }
    if (key == "network.loss") texts.push_back(to_string(network.loss));
    if (key == "preprocessing.inputs") texts.push_back(text_of(inputs.inputs));
    if (key == "preprocessing.components" && inputs.components > 0)
        texts.push_back(fmt::format("{}", inputs.components));
    if (key == "preprocessing.target_low" && codes) texts.push_back(fmt::format("{}", network.coding.low));
    if (key == "preprocessing.target_high" && codes) texts.push_back(fmt::format("{}", network.coding.high));
    if (key == "data.classes" && record.classes > 0) texts.push_back(fmt::format("{}", record.classes));
    if (key == "training.arithmetic") texts.emplace_back(name_of(record.arithmetic));
    if (key == "training.epochs") texts.emplace_back("0");
    if (key == "training.global_batch") texts.emplace_back("all");
    if (key == "optimizer.learning_rate") texts.emplace_back("1");  // has no default, and is not read
    return texts;
}

/// Whether what was given for the key goes before what the model says. Classes are coded for the error alone,
/// and what is computed in is a choice.
bool is_given(std::string_view key, const ResolvedOptions& options) {
    constexpr std::array<std::string_view, 4> kChosen{"preprocessing.target_low", "preprocessing.target_high",
                                                      "training.arithmetic", "data.classes"};
    if (key == "data.classes" && options.text(key) == "0") return false;  // as many as there are
    return std::ranges::find(kChosen, key) != kChosen.end() && options.given(key);
}

}  // namespace

std::vector<std::pair<std::string, OptionValue>> settings_of(
    const std::filesystem::path& path, const ModelRecord& record,
    const std::vector<std::pair<std::string, std::string>>& flags) {
    std::vector<std::pair<std::string, OptionValue>> settings;
    const auto add = [&](std::string_view key, std::string text) {
        settings.emplace_back(key,
                              OptionValue{std::move(text), fmt::format("{}{}", kModelOrigin, path.string())});
    };
    const auto named = std::ranges::find(flags, "data.source", &std::pair<std::string, std::string>::first);
    const std::string source = named == flags.end() ? record.data_source : named->second;
    if (named == flags.end() && find_data_source(source) != nullptr) add("data.source", source);
    if (record.input_divisor && source_reads(source, "scale"))
        add("data.scale", to_string(InputScale{.automatic = false, .divisor = *record.input_divisor}));
    for (const std::string_view key : {"network.layer", "network.loss", "training.epochs",
                                       "training.global_batch", "optimizer.learning_rate"}) {
        for (std::string& text : values_of(key, record)) add(key, std::move(text));
    }
    return settings;
}

ResolvedOptions with_model(const ResolvedOptions& options, const std::filesystem::path& path,
                           const ModelRecord& record) {
    const std::string origin = fmt::format("{}{}", kModelOrigin, path.string());
    std::vector<ResolvedOption> all = options.all();
    for (ResolvedOption& option : all) {
        const std::string& key = option.key;
        if (is_given(key, options)) continue;
        if (key == "data.classes" && !source_reads(options.text("data.source"), "classes")) continue;
        std::vector<OptionValue> values;
        for (std::string& text : values_of(key, record)) values.push_back({std::move(text), origin});
        const bool is_read = key.starts_with("data.") || std::ranges::find(kRead, key) != kRead.end();
        if (values.empty() && is_read) continue;
        if (values.empty()) values.push_back({std::string(find_option(key)->default_text), "default"});
        option.values = std::move(values);
    }
    return {options.config_name(), std::move(all)};
}

std::string difference(const ModelRecord& record, const Config& config) {
    const auto against = [](const std::string& has, const std::string& wants) {
        return fmt::format("has {}, but the configuration has {}", has, wants);
    };
    const PreprocessingOptions inputs =
        record.preprocessing ? record.preprocessing->options : PreprocessingOptions{};
    const PreprocessingOptions& wanted = config.preprocessing;
    if (inputs.inputs != wanted.inputs) {
        return against("preprocessing.inputs = " + text_of(inputs.inputs),
                       "preprocessing.inputs = " + text_of(wanted.inputs));
    }
    if (inputs.components != wanted.components) {
        return against(fmt::format("preprocessing.components = {}", inputs.components),
                       fmt::format("{}", wanted.components));
    }
    const std::vector<LayerSpec>& layers = record.network.layers;
    const std::vector<LayerSpec>& others = config.network.layers;
    if (layers.size() != others.size())
        return against(fmt::format("{} layers", layers.size()), fmt::format("{}", others.size()));
    for (std::size_t l = 0; l < layers.size(); ++l) {
        const LayerSpec layer = computed(layers[l]);
        const LayerSpec other = computed(others[l]);
        if (!(layer == other))
            return against(fmt::format("layer {} = {}", l, to_string(layer)), to_string(other));
    }
    if (record.network.loss == config.network.loss) return "";
    return against("loss " + to_string(record.network.loss), to_string(config.network.loss));
}

}  // namespace lockstep
