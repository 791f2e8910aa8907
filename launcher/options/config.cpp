#include "launcher/options/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/base/error.h"
#include "launcher/options/config_rules.h"
#include "launcher/options/config_sections.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

/// A digraph is not trained, so that keys of training would have no effect.
void refuse_keys_beside_digraph(const ResolvedOptions& options) {
    for (const ResolvedOption& option : options.all()) {
        const std::string_view key = option.key;
        if (!options.given(key) || key.starts_with("data.") || key.starts_with("network.digraph")) continue;
        if (option.values.front().origin.starts_with("variable ")) continue;
        throw UnreadKey(options, key, {"network.digraph"},
                        "has no effect with network.digraph, which has its own neurons and is run by "
                        "lockstep eval alone; remove one of the two");
    }
}

/// A key that was dropped, as it was written, and the choice that does not read it.
struct Dropped {
    std::string key;
    std::string place;
    std::string choice;  ///< "--optimizer.name adam"
};

/// The values of the sources from `first` on, or the default.
std::vector<OptionValue> values_from(const LayeredOption& option, std::size_t first) {
    for (std::size_t source = first; source < option.by_source.size(); ++source)
        if (!option.by_source[source].empty()) return option.by_source[source];
    return {{std::string(find_option(option.key)->default_text), "default"}};
}

/// The highest source that gives the key; their number where none does.
std::size_t source_of(const LayeredOption& option) {
    const auto found = std::ranges::find_if(option.by_source, [](const auto& v) { return !v.empty(); });
    return static_cast<std::size_t>(found - option.by_source.begin());
}

/// "--optimizer.name adam does not read, and so drops, c.ini:9: optimizer.momentum = 0.9".
std::string text_of(const std::vector<Dropped>& dropped) {
    std::string text;
    std::string_view choice;
    for (const Dropped& one : dropped) {
        if (one.choice == choice) {
            text += ", " + one.place;
            continue;
        }
        choice = one.choice;
        text +=
            fmt::format("{}{} does not read, and so drops, {}", text.empty() ? "" : "; ", choice, one.place);
    }
    return text;
}

ResolvedOptions resolved(const std::string& config_name, const std::vector<LayeredOption>& layered,
                         const std::vector<Dropped>& dropped) {
    std::vector<ResolvedOption> options;
    for (const LayeredOption& option : layered) {
        const bool is_dropped = std::ranges::find(dropped, option.key, &Dropped::key) != dropped.end();
        options.push_back({option.key, values_from(option, is_dropped ? option.by_source.size() : 0)});
    }
    return {config_name, std::move(options), text_of(dropped)};
}

/// Which choice of a source above the key's own leaves it unread, as it was written: one that is another
/// there than without that source. "" where there is none.
std::string dropping_choice(const UnreadKey& unread, const ResolvedOptions& options,
                            const std::vector<LayeredOption>& layered, const std::vector<Dropped>& dropped) {
    const auto layers_of = [&](const std::string& key) -> const LayeredOption& {
        return *std::ranges::find(layered, key, &LayeredOption::key);
    };
    const auto text_of = [](const std::vector<OptionValue>& values) {
        std::vector<std::string> texts;
        for (const OptionValue& value : values) texts.push_back(value.text);
        return texts;
    };
    const std::size_t own = source_of(layers_of(unread.key()));
    for (const std::string& choice : unread.choices()) {
        // It has gone itself, by a choice above.
        const auto gone = std::ranges::find(dropped, choice, &Dropped::key);
        if (gone != dropped.end()) return gone->choice;
        const LayeredOption& option = layers_of(choice);
        if (source_of(option) >= own) continue;
        if (text_of(values_from(option, 0)) != text_of(values_from(option, own)))
            return options.place(choice);
    }
    return "";
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
    refuse_without(options, "network.digraph_steps", false, "network.digraph", {"network.digraph"});
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

ResolvedOptions settle(const std::string& config_name, const std::vector<LayeredOption>& layered) {
    std::vector<Dropped> dropped;
    while (true) {
        ResolvedOptions options = resolved(config_name, layered, dropped);
        try {
            make_config(options);
            return options;
        } catch (const UnreadKey& unread) {
            const std::string choice = dropping_choice(unread, options, layered, dropped);
            if (choice.empty()) return options;
            dropped.push_back({unread.key(), options.place(unread.key()), choice});
        } catch (const ConfigError&) {
            return options;
        }
    }
}

}  // namespace lockstep
