#include "launcher/trained_network.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "launcher/model_file.h"

namespace lockstep {

TrainedNetwork::TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                               Arithmetic arithmetic)
    : network_(expected, arithmetic) {
    Model read = read_model(model);
    check_fits(model, read.record, expected);
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
                                             const CommandInput& input, const Prepared& prepared) {
    const Arithmetic arithmetic = input.config.training.arithmetic;
    if (!models.empty()) {
        return std::make_unique<TrainedNetwork>(models.front(), prepared.network, arithmetic);
    }
    if (prepared.weights.empty()) {
        throw ConfigError(
            "no weights are given; needs --model FILE, or network.weights in the configuration");
    }
    return std::make_unique<TrainedNetwork>(prepared.network, arithmetic, prepared.weights);
}

}  // namespace lockstep
