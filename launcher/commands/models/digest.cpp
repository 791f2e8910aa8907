// `lockstep digest`: the 128-bit digest of a model's parameters, in the form of sha256sum; of a run of
// several networks, a line for each.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "launcher/commands/commands.h"
#include "launcher/exchange/open_model.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/run/printing.h"
#include "launcher/score/ensemble.h"

namespace lockstep {

namespace {

struct FileDigest {
    std::string file;
    std::vector<LayerDigest> layers;
    [[nodiscard]] std::string digest() const { return combined_digest(layers).hex(); }
};

nlohmann::ordered_json to_json(const FileDigest& of, bool with_layers) {
    nlohmann::ordered_json json{{"file", of.file}, {"digest", of.digest()}};
    if (!with_layers) return json;
    json["layers"] = nlohmann::ordered_json::array();
    for (const LayerDigest& layer : of.layers) {
        json["layers"].push_back({{"name", layer.name}, {"digest", layer.digest.hex()}});
    }
    return json;
}

void print(const FileDigest& of, bool with_layers) {
    print_out("{}  {}\n", of.digest(), of.file);
    if (!with_layers) return;
    for (const LayerDigest& layer : of.layers)
        print_out("{}  {}:{}\n", layer.digest.hex(), of.file, layer.name);
}

}  // namespace

int command_digest(const CommandInput& input) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const std::filesystem::path& file : model_files(input.positional, "")) {
        const Model model = open_model(file);
        const FileDigest of{file.string(), parameter_digests(model.layout, model.arena.span())};
        if (input.json) {
            all.push_back(to_json(of, input.layers));
        } else {
            print(of, input.layers);
        }
    }
    if (input.json) print_json(all.size() == 1 ? all.front() : nlohmann::ordered_json{{"models", all}});
    return 0;
}

}  // namespace lockstep
