// `lockstep import`: a model file of arrays in another form.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/models/model_settings.h"
#include "launcher/exchange/open_model.h"
#include "launcher/files/output_target.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/run/printing.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

/// What the configuration says of the model; its data are not opened.
ModelOutline outline_of(const std::filesystem::path& config_file, const Config& config) {
    if (config.network.layers.empty()) {
        throw ConfigError(fmt::format("--config {}: has a digraph and no layers, of which a model is made",
                                      config_file.string()));
    }
    if (config.preprocessing.inputs != InputScaling::kNone) {
        throw ConfigError(fmt::format(
            "--config {}: preprocessing.inputs is fitted in training, but the arrays have no such numbers; "
            "choose none",
            config_file.string()));
    }
    ModelOutline outline{.network = config.network,
                         .data_source = config.data.source,
                         .input_divisor = std::nullopt,
                         .classes = config.data.classes};
    if (!config.data.scale.automatic) outline.input_divisor = config.data.scale.divisor;
    return outline;
}

}  // namespace

int command_import(const CommandInput& input) {
    const std::filesystem::path& file = input.positional.front();
    check_output(input.out, input.positional, input.json);
    const bool has_own = open_model_record(file).has_value();
    std::optional<Config> config;
    if (!input.network_of.empty())
        config = make_config(resolve_options({input.network_of, {}, process_environment()}));
    ModelOutline outline;
    if (config && !has_own) outline = outline_of(input.network_of, *config);
    Model model = open_model(file, config ? &outline : nullptr);
    if (const std::string text = config && has_own ? difference(model.record, *config) : ""; !text.empty())
        print_warning(fmt::format("{}: {}; the file's own is used", file.string(), text));
    if (model.record.lockstep_version.empty()) model.record.lockstep_version = kVersion;
    const std::vector<LayerDigest> layers = parameter_digests(model.layout, model.arena.span());
    write_model(input.out, model.record, model.layout, model.arena.span());
    const std::string digest = combined_digest(layers).hex();
    if (input.json) {
        print_json(nlohmann::ordered_json{{"file", file.string()},
                                          {"out", input.out.string()},
                                          {"digest", digest},
                                          {"parameters", model.layout.parameter_count()}});
    } else {
        print_beside(input.out, fmt::format("{}  {}\n", digest, input.out.string()));
    }
    return 0;
}

}  // namespace lockstep
