// [network], and how its loss takes classes.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "launcher/options/config_sections.h"

namespace lockstep {

namespace {

/// Classes as numbers, for errors that are differences of numbers.
TargetCoding read_coding(const ResolvedOptions& options) {
    const TargetCoding coding{.classes = false,  // as the data will say
                              .low = number<float>(options, "preprocessing.target_low"),
                              .high = number<float>(options, "preprocessing.target_high")};
    for (const std::string_view key : {"preprocessing.target_low", "preprocessing.target_high"}) {
        if (!options.given(key) || coding.low < coding.high) continue;
        throw ConfigError(
            fmt::format("{}: preprocessing.target_low = {} must be below preprocessing.target_high = {}",
                        options.place(key), coding.low, coding.high));
    }
    return coding;
}

}  // namespace

void check_network(const ResolvedOptions& options, const NetworkSpec& network) {
    const OptionValue& last = options.at("network.layer").values.back();
    try {
        check(network);
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("{}: network.layer = {} with {}: {}", last.origin, last.text,
                                      options.place("network.loss"), error.what()));
    }
}

NetworkSpec read_network(const ResolvedOptions& options) {
    const std::vector<OptionValue>& layers = options.at("network.layer").values;
    NetworkSpec network;
    for (const OptionValue& layer : layers) {
        network.layers.push_back(parse_layer(layer.text));
        if (network.layers.back().softmax && &layer != &layers.back()) {
            throw ConfigError(fmt::format("{}: network.layer = {}: only the last layer can be softmax",
                                          layer.origin, layer.text));
        }
    }
    network.loss = parse_loss(options.text("network.loss"));
    network.coding = read_coding(options);
    network.input_dropout = number<float>(options, "network.input_dropout");
    network.dropout_by_step = options.text("network.dropout_draw") == "step";
    refuse_without(options, "network.dropout_draw", network.drops_out(),
                   "dropout= of a layer or network.input_dropout",
                   {"network.layer", "network.input_dropout"});
    check_network(options, network);
    return network;
}

}  // namespace lockstep
