#include "launcher/score/trained_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "launcher/exchange/open_model.h"
#include "launcher/files/model_file.h"

namespace lockstep {

namespace {

/// The model's network, which does not keep how classes are coded and how its inputs lie.
NetworkSpec completed(NetworkSpec network, const NetworkSpec& prepared) {
    network.coding = prepared.coding;
    if (network.inputs.count() == prepared.inputs.count()) network.inputs = prepared.inputs;
    return network;
}

}  // namespace

TrainedNetwork::TrainedNetwork(ModelInputs inputs, const NetworkSpec& spec, Arithmetic arithmetic,
                               Buffer<float> parameters)
    : inputs_(std::move(inputs)), network_(spec, arithmetic), parameters_(std::move(parameters)) {
    network_.pack(this->parameters());
}

std::unique_ptr<TrainedNetwork> TrainedNetwork::of_model(const std::filesystem::path& path,
                                                         const Prepared& prepared, Arithmetic arithmetic) {
    const ModelOutline outline{.network = prepared.network};
    Model model = open_model(path, &outline);
    const NetworkSpec spec = completed(model.record.network, prepared.network);
    // Its constructor is nobody else's, so that make_unique has none.
    std::unique_ptr<TrainedNetwork> trained(
        new TrainedNetwork(ModelInputs::of(path, model.record), spec, arithmetic, std::move(model.arena)));
    const auto seen = trained->seen(prepared.data.train);
    if (seen->input_size() == spec.inputs.count()) return trained;
    throw CheckpointError(
        fmt::format("model {}: has {} inputs, but {} has {}; give data like those it was trained on",
                    path.string(), spec.inputs.count(), seen->description(), seen->input_size()));
}

TrainedNetwork::TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                               const PreprocessingOptions& preprocessing, Arithmetic arithmetic)
    : network_(expected, arithmetic) {
    const ModelOutline outline{.network = expected};
    Model read = open_model(model, &outline);
    check_fits(model, read.record, expected, preprocessing);
    inputs_ = ModelInputs::of(model, read.record);
    parameters_ = std::move(read.arena);
    network_.pack(parameters());
}

TrainedNetwork::TrainedNetwork(const NetworkSpec& spec, Arithmetic arithmetic,
                               std::span<const float> parameters)
    : network_(spec, arithmetic), parameters_(parameters.size()) {
    std::ranges::copy(parameters, parameters_.span().begin());
    network_.pack(this->parameters());
}

std::unique_ptr<TrainedNetwork> open_trained(std::span<const std::filesystem::path> models,
                                             const Config& config, const ResolvedOptions& options,
                                             const Prepared& prepared) {
    const Arithmetic arithmetic = config.training.arithmetic;
    if (!models.empty()) return TrainedNetwork::of_model(models.front(), prepared, arithmetic);
    if (prepared.weights.empty()) {
        throw ConfigError(
            "no weights are given; needs --model FILE, or network.weights in the configuration, or the "
            "directory of a "
            "run in its place");
    }
    if (config.preprocessing.inputs != InputScaling::kNone) {
        throw ConfigError(
            fmt::format("{}: is fitted in training and comes with a model, but network.weights alone are "
                        "given; needs --model FILE",
                        options.place("preprocessing.inputs")));
    }
    return std::make_unique<TrainedNetwork>(prepared.network, arithmetic, prepared.weights);
}

}  // namespace lockstep
