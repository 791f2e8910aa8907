#include "launcher/options/config.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "launcher/options/config_rules.h"
#include "launcher/options/config_sections.h"

namespace lockstep {

namespace {

/// A digraph is not trained, so that keys of training would have no effect.
void refuse_keys_beside_digraph(const ResolvedOptions& options) {
    for (const ResolvedOption& option : options.all()) {
        const std::string_view key = option.key;
        if (!options.given(key) || key.starts_with("data.") || key.starts_with("network.digraph")) continue;
        if (option.values.front().origin.starts_with("variable ")) continue;
        throw ConfigError(
            fmt::format("{}: has no effect with network.digraph, which has its own neurons and is run by "
                        "lockstep eval alone; "
                        "remove one of the two",
                        options.place(key)));
    }
}

}  // namespace

Config make_config(const ResolvedOptions& options) {
    Config config;
    config.name = options.config_name();
    config.data = read_data(options);
    config.digraph = options.text("network.digraph");
    config.digraph_steps = count(options, "network.digraph_steps");
    if (!config.digraph.empty()) {
        refuse_keys_beside_digraph(options);
        return config;
    }
    refuse_without(options, "network.digraph_steps", false, "network.digraph");
    config.augmentation = read_augmentation(options);
    config.preprocessing = read_preprocessing(options);
    config.network = read_network(options);
    config.weights = options.text("network.weights");
    config.training = read_training(options);
    config.optimizer = read_optimizer(options);
    config.regularisation = read_regularisation(options);
    config.learning_rate = read_learning_rate(options);
    config.comm = read_comm(options);
    config.resampling = read_resampling(options);
    config.run = read_run(options);
    check_rules(config, options);
    return config;
}

}  // namespace lockstep
