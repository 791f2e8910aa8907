#include "launcher/score/trained_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/data/input_scale.h"
#include "launcher/files/model_file.h"

namespace lockstep {

TrainedNetwork::TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                               const PreprocessingOptions& preprocessing, Arithmetic arithmetic)
    : path_(model), network_(expected, arithmetic) {
    Model read = read_model(model);
    check_fits(model, read.record, expected, preprocessing);
    input_divisor_ = read.record.input_divisor;
    preprocessing_ = read.record.preprocessing;
    parameters_ = std::move(read.arena);
    network_.pack(parameters());
}

TrainedNetwork::TrainedNetwork(const NetworkSpec& spec, Arithmetic arithmetic,
                               std::span<const float> parameters)
    : network_(spec, arithmetic), parameters_(parameters.size()) {
    std::ranges::copy(parameters, parameters_.span().begin());
    network_.pack(this->parameters());
}

std::shared_ptr<const Dataset> TrainedNetwork::seen(std::shared_ptr<const Dataset> set) const {
    if (input_divisor_ && set->input_divisor() && *input_divisor_ != *set->input_divisor())
        set = set->divided_by(*input_divisor_);
    if (!preprocessing_) return set;
    if (set->input_size() != preprocessing_->raw_size()) {
        throw DataError(fmt::format("{} has {} inputs, but the model's preprocessing was fitted to {}",
                                    set->description(), set->input_size(), preprocessing_->raw_size()));
    }
    return std::make_shared<PreprocessedDataset>(std::move(set), preprocessing_);
}

std::string TrainedNetwork::scale_advice(const Dataset& set) const {
    const std::optional<float> own = set.input_divisor();
    if (path_.empty() || !own || own == input_divisor_) return "";
    if (!input_divisor_) {
        return fmt::format(
            "model {}: does not say what its inputs were divided by, as an older lockstep wrote "
            "it; they are taken {}, as data.scale has it",
            path_.string(), divisor_text(*own));
    }
    return fmt::format(
        "model {}: was trained on inputs {}, so these are taken so too, though data.scale would "
        "have them {}",
        path_.string(), divisor_text(*input_divisor_), divisor_text(*own));
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
