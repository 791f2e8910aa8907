#include "launcher/options/config_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/arithmetic/activation_table.h"
#include "core/base/error.h"
#include "launcher/options/config_sections.h"

namespace lockstep {

namespace {

bool needs_whole_layers(const Config& config) {
    return make_optimizer({.name = config.optimizer.name}, 0)->needs_whole_layers();
}

bool is_sharded(const Config& config) { return config.comm.sharding != Sharding::kNone; }

bool shards_parameters(const Config& config) { return config.comm.sharding == Sharding::kParameters; }

bool takes_classes_as_bits(const Config& config) {
    return is_cross_entropy(config.network.loss) || config.network.loss == Loss::kPerceptron;
}

std::string classes_as_bits_reason(const Config& config) {
    return fmt::format(
        "belongs to square errors, but network.loss = {} takes classes as 0 and 1; "
        "remove the key, or choose square_error",
        to_string(config.network.loss));
}

/// The first layer that descent cannot go through, or their number where there is none.
std::size_t layer_without_derivative(const Config& config) {
    const auto& layers = config.network.layers;
    const auto found = std::ranges::find_if(
        layers, [](const LayerSpec& layer) { return !row_of(layer.activation.kind).descends; });
    return static_cast<std::size_t>(found - layers.begin());
}

bool descends_through_steps(const Config& config) {
    const bool trains = config.training.epochs > 0 || config.training.max_steps > 0;
    return trains && config.network.loss != Loss::kPerceptron &&
           layer_without_derivative(config) < config.network.layers.size();
}

template <bool keeps>
bool watches_unmeasured(const Config& config) {
    return config.training.watches_validation() && config.run.evaluate_every == 0 &&
           (config.training.watching_key() == "training.keep") == keeps;
}

std::string unmeasured_reason(const Config& config) {
    return fmt::format("goes by the {}, which run.evaluate_every = 0 measures only at the end; set 1",
                       config.training.watched());
}

std::string own_decay_reason(const Config& config) {
    return fmt::format(
        "optimizer.name = {} scales a step by the norms of a whole layer and decays weights by its own "
        "rule; use optimizer.weight_decay, or another optimizer",
        config.optimizer.name);
}

const std::array kRules{
    ConfigRule{.key = "preprocessing.target_low",
               .broken = takes_classes_as_bits,
               .reason = classes_as_bits_reason,
               .choice = "network.loss",
               .when_given = true},
    ConfigRule{.key = "preprocessing.target_high",
               .broken = takes_classes_as_bits,
               .reason = classes_as_bits_reason,
               .choice = "network.loss",
               .when_given = true},
    ConfigRule{.key = "training.patience", .broken = watches_unmeasured<false>, .reason = unmeasured_reason},
    ConfigRule{.key = "training.keep", .broken = watches_unmeasured<true>, .reason = unmeasured_reason},
    ConfigRule{.key = "network.layer",
               .broken = descends_through_steps,
               .reason =
                   [](const Config&) {
                       return std::string(
                           "a unit step has no derivative to descend by; train one layer with "
                           "network.loss = perceptron, choose sigmoid, or set training.epochs = 0 to use "
                           "given weights");
                   },
               .which = layer_without_derivative},
    ConfigRule{.key = "regularisation.l2",
               .broken =
                   [](const Config& config) {
                       return config.regularisation.l2 > 0.0F && needs_whole_layers(config);
                   },
               .reason = own_decay_reason,
               .choice = "optimizer.name"},
    ConfigRule{.key = "regularisation.weight_decay",
               .broken =
                   [](const Config& config) {
                       return config.regularisation.weight_decay > 0.0F && needs_whole_layers(config);
                   },
               .reason = own_decay_reason,
               .choice = "optimizer.name"},
    ConfigRule{.key = "regularisation.max_norm",
               .broken =
                   [](const Config& config) {
                       return config.regularisation.max_norm > 0.0F && shards_parameters(config);
                   },
               .reason =
                   [](const Config&) {
                       return std::string(
                           "a neuron's norm takes all of its weights, but with comm.shard = parameters no "
                           "rank holds them together; choose comm.shard = optimizer or none, or 0 for no "
                           "bound");
                   }},
    ConfigRule{.key = "comm.shard",
               .broken =
                   [](const Config& config) {
                       return is_sharded(config) && config.comm.reduction == Reduction::kMpi;
                   },
               .reason =
                   [](const Config&) {
                       return std::string(
                           "needs comm.reduction = tree: MPI's sums are not divided among the ranks; choose "
                           "none or tree");
                   },
               .choice = "comm.reduction"},
    ConfigRule{
        .key = "comm.shard",
        .broken = [](const Config& config) { return is_sharded(config) && needs_whole_layers(config); },
        .reason =
            [](const Config& config) {
                return fmt::format(
                    "goes with rules that update any slice alone, but optimizer.name = {} scales a "
                    "step by the norms of a whole layer; choose none, or another rule",
                    config.optimizer.name);
            },
        .choice = "optimizer.name"},
    ConfigRule{.key = "comm.shard",
               .broken =
                   [](const Config& config) {
                       return shards_parameters(config) && packs_weights(config.training.arithmetic);
                   },
               .reason =
                   [](const Config& config) {
                       return fmt::format(
                           "needs training.arithmetic = fp32: {} keeps packed copies of all weights on "
                           "every rank; choose optimizer or fp32",
                           name_of(config.training.arithmetic));
                   },
               .choice = "training.arithmetic"},
    ConfigRule{.key = "comm.shard",
               .broken =
                   [](const Config& config) {
                       return shards_parameters(config) && config.training.micro_batch != 0;
                   },
               .reason =
                   [](const Config& config) {
                       return fmt::format(
                           "a batch in pieces needs all gradients at once, and {} would hold those of a "
                           "bucket or two; choose optimizer, or training.micro_batch = 0",
                           name_of(config.comm.sharding));
                   }},
    ConfigRule{.key = "comm.compression",
               .broken =
                   [](const Config& config) {
                       return config.comm.compression != Compression::kNone &&
                              config.comm.reduction == Reduction::kMpi;
                   },
               .reason =
                   [](const Config&) {
                       return std::string(
                           "needs comm.reduction = tree: MPI adds plain values; choose none or tree");
                   },
               .choice = "comm.reduction"},
};

std::string place_of(const ConfigRule& rule, const Config& config, const ResolvedOptions& options) {
    if (rule.which == nullptr) return options.place(rule.key);
    const OptionValue& value = options.at(rule.key).values[rule.which(config)];
    return fmt::format("{}: {} = {}", value.origin, rule.key, value.text);
}

}  // namespace

void check_rules(const Config& config, const ResolvedOptions& options) {
    for (const ConfigRule& rule : kRules) {
        if (rule.when_given && !options.given(rule.key)) continue;
        if (!rule.broken(config)) continue;
        const std::string reason = rule.reason(config);
        if (!rule.choice.empty()) throw UnreadKey(options, rule.key, {rule.choice}, reason);
        throw ConfigError(fmt::format("{}: {}", place_of(rule, config, options), reason));
    }
}

bool go_together(const Config& config) {
    return std::ranges::none_of(
        kRules, [&](const ConfigRule& rule) { return !rule.when_given && rule.broken(config); });
}

}  // namespace lockstep
