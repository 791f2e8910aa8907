// A model file made ready for use: the network and its parameters in one arena.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/base/buffer.h"
#include "core/network/network.h"
#include "launcher/score/model_inputs.h"
#include "launcher/score/prepare.h"

namespace lockstep {

class TrainedNetwork {
  public:
    /// Reads the model, whose own network it is, and packs it for `arithmetic`. `prepared`: what stands for
    /// classes, how inputs lie, and, for arrays that another program wrote, the network. Throws
    /// CheckpointError, also where the samples have other inputs than the network. Not collective.
    static std::unique_ptr<TrainedNetwork> of_model(const std::filesystem::path& path,
                                                    const Prepared& prepared, Arithmetic arithmetic);

    /// Reads the model and checks that it was made for `expected` and for inputs preprocessed like that.
    /// Throws CheckpointError. Not collective.
    TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                   const PreprocessingOptions& preprocessing, Arithmetic arithmetic);

    /// The network with given parameters (arena_size).
    TrainedNetwork(const NetworkSpec& spec, Arithmetic arithmetic, std::span<const float> parameters);

    [[nodiscard]] const Network& network() const { return network_; }
    [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }

    /// ModelInputs::seen of the model's; given parameters take any set as it is.
    [[nodiscard]] std::shared_ptr<const Dataset> seen(std::shared_ptr<const Dataset> set) const {
        return inputs_ ? inputs_->seen(std::move(set)) : set;
    }
    /// ModelInputs::scale_advice, likewise.
    [[nodiscard]] std::string scale_advice(const Dataset& set) const {
        return inputs_ ? inputs_->scale_advice(set) : "";
    }

  private:
    TrainedNetwork(ModelInputs inputs, const NetworkSpec& spec, Arithmetic arithmetic,
                   Buffer<float> parameters);

    std::optional<ModelInputs> inputs_;  // none: given parameters
    Network network_;
    Buffer<float> parameters_;
};

/// What eval and predict of one network use: the first of `models`, else network.weights. Throws ConfigError
/// where neither is given, and as the constructor. Not collective.
std::unique_ptr<TrainedNetwork> open_trained(std::span<const std::filesystem::path> models,
                                             const Config& config, const ResolvedOptions& options,
                                             const Prepared& prepared);

}  // namespace lockstep
