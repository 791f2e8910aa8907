#include "launcher/score/warm_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <span>
#include <sstream>
#include <utility>

#include "comm/agreement.h"
#include "comm/replica_check.h"
#include "core/base/error.h"
#include "core/base/number.h"
#include "core/network/network.h"
#include "launcher/exchange/open_model.h"
#include "launcher/files/model_difference.h"
#include "launcher/files/parameter_digest.h"
#include "launcher/run/warning.h"
#include "launcher/score/ensemble.h"
#include "launcher/score/prepare.h"

namespace lockstep {

namespace {

constexpr std::string_view kLayer = "layer";

std::string layer_name(std::size_t layer) { return fmt::format("{}{}", kLayer, layer); }

/// The layers that --model_layers names, ascending. `most`: of those that could be taken.
std::vector<std::size_t> chosen_layers(std::string_view chosen, std::size_t most) {
    const auto fail = [&](const std::string& what) {
        throw ConfigError(fmt::format("--model_layers {}: {}", chosen, what));
    };
    std::vector<std::size_t> layers;
    if (const auto count = parse_number<std::size_t>(chosen)) {
        if (*count == 0 || *count > most) fail(fmt::format("must be a number from 1 to {}", most));
        for (std::size_t l = 0; l < *count; ++l) layers.push_back(l);
        return layers;
    }
    std::istringstream names{std::string(chosen)};
    for (std::string name; std::getline(names, name, ',');) {
        const auto number = name.starts_with(kLayer)
                                ? parse_number<std::size_t>(std::string_view(name).substr(kLayer.size()))
                                : std::nullopt;
        if (!number)
            fail(fmt::format("'{}' is no layer; needs a number, or names as in layer0,layer2", name));
        if (*number >= most) {
            fail(fmt::format("there is no {} in both networks; the last is {}", name, layer_name(most - 1)));
        }
        layers.push_back(*number);
    }
    std::ranges::sort(layers);
    if (std::ranges::adjacent_find(layers) != layers.end()) fail("names a layer twice");
    return layers;
}

std::string shape_text(std::span<const ParameterBlock> blocks) {
    std::vector<std::string> texts;
    for (const ParameterBlock& block : blocks)
        texts.push_back(fmt::format("{} ({} x {})", block.name, block.rows, block.cols));
    return texts.empty() ? "no parameters" : fmt::format("{}", fmt::join(texts, " and "));
}

/// "" where layer `l` of both is the same; else what the model has and the configuration wants.
std::string difference(const Model& model, const Network& network, std::size_t l) {
    const LayerSpec& has = model.record.network.layers[l];
    const LayerSpec& wants = network.spec().layers[l];
    if (!(computed(has) == computed(wants))) {
        return fmt::format("{} is {}, but the configuration has {}", layer_name(l), to_string(has),
                           to_string(wants));
    }
    const std::string shape = shape_text(model.layout.blocks_of(l));
    const std::string wanted = shape_text(network.layout().blocks_of(l));
    if (shape == wanted) return "";
    return fmt::format("{} has {}, but the configuration's has {}", layer_name(l), shape, wanted);
}

/// What to do where layer `l` is the first that differs.
std::string remedy(std::size_t l, bool all) {
    if (l == 0) return "name a model of the same layers, or choose others by --model_layers";
    return all ? fmt::format("--model_layers {} takes those below it alone", l)
               : "choose other layers by --model_layers";
}

/// Arrays of another program are those of `spec`.
Model model_like(const std::filesystem::path& path, const NetworkSpec& spec) {
    const ModelOutline outline{.network = spec};
    return open_model(path, &outline);
}

void check_inputs(const std::filesystem::path& path, const ModelRecord& record,
                  const PreprocessingOptions& preprocessing) {
    const auto text = [](const PreprocessingOptions& options) {
        return fmt::format("preprocessing.inputs = {}",
                           input_scaling_names()[static_cast<std::size_t>(options.inputs)]);
    };
    const PreprocessingOptions fitted =
        record.preprocessing ? record.preprocessing->options : PreprocessingOptions{};
    if (fitted.inputs == preprocessing.inputs) return;
    throw CheckpointError(fmt::format(
        "model {}: its inputs had {}, but the configuration has {}; its lowest layer knows no other "
        "inputs, so give the configuration the same",
        path.string(), text(fitted), text(preprocessing)));
}

}  // namespace

WarmStart::WarmStart(const std::filesystem::path& path, std::string_view chosen, const NetworkSpec& spec,
                     const PreprocessingOptions& preprocessing)
    : model_(model_like(path, spec)), all_(chosen.empty()) {
    const auto fail = [&](const std::string& what) {
        throw CheckpointError(fmt::format("model {}: {}", path.string(), what));
    };
    const Network network(spec);
    const std::size_t most = std::min(model_.record.network.layers.size(), network.layer_count());
    layers_ = chosen_layers(all_ ? fmt::format("{}", most) : chosen, most);
    if (layers_.front() == 0) check_inputs(path, model_.record, preprocessing);
    for (const std::size_t l : layers_) {
        if (const std::string text = difference(model_, network, l); !text.empty())
            fail(fmt::format("{}; {}", text, remedy(l, all_)));
        origin_.layers.push_back(layer_name(l));
    }
    if (all_ && model_.record.network.layers.size() != network.layer_count()) {
        fail(fmt::format(
            "has {} layers, but the configuration has {}; --model_layers {} takes the first alone",
            model_.record.network.layers.size(), network.layer_count(), most));
    }
    if (layers_.front() == 0) inputs_ = ModelInputs::of(path, model_.record);
    origin_.model = path;
    origin_.digest = combined_digest(parameter_digests(model_.layout, model_.arena.span())).hex();
}

std::vector<float> WarmStart::parameters(const NetworkSpec& spec, std::uint64_t seed) const {
    const Network network(spec);
    std::vector<float> arena(network.layout().arena_size());
    network.initialise(seed, arena);
    for (const std::size_t l : layers_) {
        const ArenaRange from = model_.layout.layer_range(l);
        const ArenaRange to = network.layout().layer_range(l);
        std::ranges::copy(model_.arena.span().subspan(from.first, from.count),
                          arena.begin() + static_cast<std::ptrdiff_t>(to.first));
    }
    return arena;
}

std::string WarmStart::text() const {
    return fmt::format(
        "starts from {}, digest {}{}", origin_.model.string(), origin_.digest,
        all_ ? "" : fmt::format(": {}; other layers are drawn", fmt::join(origin_.layers, ", ")));
}

void start_from_model(const Communicator& comm, const StartChoice& choice, const ResolvedOptions& options,
                      Prepared& prepared, const PreprocessingOptions& preprocessing, Progress& progress) {
    agree(comm, [&] {
        if (choice.models.empty() && !choice.layers.empty()) {
            throw ConfigError(
                fmt::format("--model_layers {}: needs --model FILE, whose layers they are", choice.layers));
        }
        if (!choice.models.empty() && !prepared.weights.empty()) {
            throw ConfigError(
                fmt::format("{}: gives the first weights, as --model does; remove one of the two",
                            options.place("network.weights")));
        }
    });
    if (choice.models.empty()) return;
    const std::vector<std::filesystem::path> files = same_model_files(comm, choice.models);
    agree(comm, [&] {
        if (files.size() > 1) {
            throw ConfigError(fmt::format("--model {}: holds {} models; name one of them, as {}",
                                          choice.models.front().string(), files.size(),
                                          files.front().string()));
        }
        prepared.start =
            std::make_shared<WarmStart>(files.front(), choice.layers, prepared.network, preprocessing);
        if (prepared.start->inputs()) static_cast<void>(prepared.start->inputs()->seen(prepared.data.train));
    });
    progress.line(prepared.start->text());
    if (prepared.start->inputs()) warn(comm, prepared.start->inputs()->scale_advice(*prepared.data.train));
}

}  // namespace lockstep
