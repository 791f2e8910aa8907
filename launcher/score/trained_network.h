// A model file made ready for use: the network and its parameters in one arena.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/base/buffer.h"
#include "core/network/network.h"
#include "launcher/score/prepare.h"

namespace lockstep {

class TrainedNetwork {
  public:
    /// Reads the model, checks that it was made for `expected` and for inputs preprocessed like that, and
    /// packs it for `arithmetic`. Throws CheckpointError. Not collective.
    TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected,
                   const PreprocessingOptions& preprocessing, Arithmetic arithmetic);

    /// The network with given parameters (arena_size).
    TrainedNetwork(const NetworkSpec& spec, Arithmetic arithmetic, std::span<const float> parameters);

    [[nodiscard]] const Network& network() const { return network_; }
    [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }

    /// The set as the network is to see it: its stored inputs divided by what they were divided by in
    /// training, then by the model's own preprocessing. Throws DataError where its samples have another
    /// number of inputs than those it was fitted to.
    [[nodiscard]] std::shared_ptr<const Dataset> seen(std::shared_ptr<const Dataset> set) const;

    /// "" unless seen() scales the set otherwise than the configuration would, or the model does not say how:
    /// what is done about it.
    [[nodiscard]] std::string scale_advice(const Dataset& set) const;

  private:
    std::filesystem::path path_;                          // of the model; empty: given parameters
    std::optional<float> input_divisor_;                  // nothing: as the set says
    std::shared_ptr<const Preprocessing> preprocessing_;  // none: inputs as they are
    Network network_;
    Buffer<float> parameters_;
};

/// What eval and predict of one network use: the first of `models`, else network.weights. Throws ConfigError
/// where neither is given, and as the constructor. Not collective.
std::unique_ptr<TrainedNetwork> open_trained(std::span<const std::filesystem::path> models,
                                             const Config& config, const ResolvedOptions& options,
                                             const Prepared& prepared);

}  // namespace lockstep
