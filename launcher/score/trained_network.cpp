#include "launcher/score/trained_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "launcher/files/model_file.h"

namespace lockstep {

TrainedNetwork::TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                               const PreprocessingOptions& preprocessing, Arithmetic arithmetic)
    : network_(expected, arithmetic) {
    Model read = read_model(model);
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
    if (!models.empty()) {
        return std::make_unique<TrainedNetwork>(models.front(), prepared.network, config.preprocessing,
                                                arithmetic);
    }
    if (prepared.weights.empty()) {
        throw ConfigError(
            "no weights are given; needs --model FILE, or network.weights in the configuration");
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
