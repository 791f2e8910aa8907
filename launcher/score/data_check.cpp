#include "launcher/score/data_check.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/network/layers/layer_kind.h"
#include "core/network/objective.h"
#include "launcher/options/config_sections.h"
#include "launcher/score/data_advice.h"

namespace lockstep {

NetworkSpec check_against_data(const Config& config, const ResolvedOptions& options, const Dataset& train,
                               const Dataset& test) {
    NetworkSpec network = config.network;
    network.inputs = config.preprocessing.output_shape(train.input_shape());
    if (network.inputs.count() > train.input_size()) {
        throw ConfigError(fmt::format("{}: samples have {} inputs; choose at most {}, or 0 for all",
                                      options.place("preprocessing.components"), train.input_size(),
                                      train.input_size()));
    }
    if (test.input_size() != train.input_size() || test.classes() != train.classes() ||
        test.target_size() != train.target_size()) {
        throw DataError(fmt::format("{} and {} differ in the size of inputs or targets", train.description(),
                                    test.description()));
    }

    network.coding.classes = train.classes() > 0;
    for (const std::string_view key : {"preprocessing.target_low", "preprocessing.target_high"}) {
        if (!options.given(key) || network.coding.classes) continue;
        throw ConfigError(fmt::format("{}: is for classes, but {} has real targets; remove the key",
                                      options.place(key), train.description()));
    }

    // The layer that says how many there are.
    const std::vector<OptionValue>& layers = options.at("network.layer").values;
    std::size_t counting = layers.size() - 1;
    while (counting > 0 && !network.layers[counting].kind->units) --counting;
    const OptionValue& last = layers[counting];
    const std::size_t outputs = output_shape(network).count();
    const std::size_t wanted = train.classes() > 0 ? train.classes() : train.target_size();
    const bool one_for_two = outputs == 1 && train.classes() == 2 && !network.layers.back().softmax;
    const bool fits = outputs == wanted || one_for_two;
    if (!fits && last.origin.starts_with(kModelOrigin)) {
        throw DataError(
            fmt::format("{}: has {} outputs, but {} has {} {}; give data like those it was trained on{}",
                        last.origin, outputs, train.description(), wanted,
                        train.classes() > 0 ? "classes" : "target values", label_range_advice(train)));
    }
    if (!fits) {
        throw ConfigError(fmt::format(
            "{}: network.layer = {}: the last layer has {} units, but {} has {} {}; set units={}{}{}",
            last.origin, last.text, outputs, train.description(), wanted,
            train.classes() > 0 ? "classes" : "target values", wanted,
            train.classes() == 2
                ? ", or units=1 for one output that tells class 1, as with activation=sigmoid"
                : "",
            label_range_advice(train)));
    }
    check_network(options, network);
    if (network.layers.back().softmax && train.classes() == 0) {
        throw ConfigError(
            fmt::format("{}: network.layer = {}: softmax outputs need classes, but {} has real targets",
                        last.origin, last.text, train.description()));
    }
    // Its constructor refuses inputs that are no images.
    if (config.augmentation.any()) Augmenter(config.augmentation, train.raw_shape(), 0);
    const std::size_t batch = config.training.global_batch;
    if (batch != kWholeSet && batch > train.size()) {
        throw ConfigError(fmt::format("{}: is more than the {} training samples; choose at most {}, or all",
                                      options.place("training.global_batch"), train.size(), train.size()));
    }
    return network;
}

void check_stopping(const Config& config, const ResolvedOptions& options, const NetworkSpec& network,
                    bool has_validation) {
    const TrainingConfig& training = config.training;
    if (!training.watches_validation()) return;
    if (!has_validation) {
        throw ConfigError(
            fmt::format("{}: goes by the {}, but there is no validation part; set data.split, as in 80/20",
                        options.place(training.watching_key()), training.watched()));
    }
    if (training.watches_accuracy && !Objective(network).counts_correct()) {
        throw ConfigError(
            fmt::format("{}: there is no accuracy where targets are numbers; choose validation_loss",
                        options.place("training.watch")));
    }
}

}  // namespace lockstep
