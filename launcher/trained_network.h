// A model file made ready for use: the network and its parameters in one arena.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "core/arithmetic/buffer.h"
#include "core/network/network.h"
#include "launcher/prepare.h"

namespace lockstep {

class TrainedNetwork {
  public:
    /// Reads the model, checks that it was made for `expected`, and packs it for `arithmetic`. Throws
    /// CheckpointError. Not collective.
    TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected, Arithmetic arithmetic);

    /// The network with given parameters (arena_size).
    TrainedNetwork(const NetworkSpec& spec, Arithmetic arithmetic, std::span<const float> parameters);

    [[nodiscard]] const Network& network() const { return network_; }
    [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }

  private:
    Network network_;
    Buffer<float> parameters_;
};

/// What eval and predict of one network use: the first of `models`, else network.weights. Throws ConfigError
/// where neither is given, and as the constructor. Not collective.
std::unique_ptr<TrainedNetwork> open_trained(std::span<const std::filesystem::path> models,
                                             const CommandInput& input, const Prepared& prepared);

}  // namespace lockstep
