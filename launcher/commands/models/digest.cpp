// `lockstep digest`: the 128-bit digest of a model's parameters, in the form of sha256sum.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/commands/commands.h"
#include "launcher/files/model_file.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/run/printing.h"

namespace lockstep {

int command_digest(const CommandInput& input) {
    const std::string file = input.positional.front().string();
    const Model model = read_model(file);
    const std::vector<LayerDigest> layers = parameter_digests(model.layout, model.arena.span());
    const std::string digest = combined_digest(layers).hex();
    if (input.json) {
        nlohmann::ordered_json json{{"file", file}, {"digest", digest}};
        if (input.layers) {
            json["layers"] = nlohmann::ordered_json::array();
            for (const LayerDigest& layer : layers) {
                json["layers"].push_back({{"name", layer.name}, {"digest", layer.digest.hex()}});
            }
        }
        print_json(json);
        return 0;
    }
    print_out("{}  {}\n", digest, file);
    if (!input.layers) return 0;
    for (const LayerDigest& layer : layers) print_out("{}  {}:{}\n", layer.digest.hex(), file, layer.name);
    return 0;
}

}  // namespace lockstep
