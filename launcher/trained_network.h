// A model file made ready for use: the network and its parameters in one arena.
#pragma once

#include <filesystem>
#include <span>

#include "core/arithmetic/buffer.h"
#include "core/network/network.h"

namespace lockstep {

class TrainedNetwork {
  public:
    /// Reads the model, checks that it was made for `expected`, and packs it for `arithmetic`. Throws
    /// CheckpointError. Not collective.
    TrainedNetwork(const std::filesystem::path& model, const NetworkSpec& expected, Arithmetic arithmetic);

    [[nodiscard]] const Network& network() const { return network_; }
    [[nodiscard]] std::span<const float> parameters() const { return parameters_.span(); }

  private:
    Network network_;
    Buffer<float> parameters_;
};

}  // namespace lockstep
