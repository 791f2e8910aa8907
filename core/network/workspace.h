// The memory of a batch on its way through a network.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/matrix.h"

namespace lockstep {

class Network;

/// What a workspace is for: training, or forward passes alone, which drop out nothing.
enum class Passes { kTraining, kForward };

/// The values that live while a batch goes through a network: every layer's outputs and what it keeps beside
/// them, two layers' deltas, and for training a second copy of the outputs that dropout silences some of.
/// Allocated once, for up to `capacity` samples.
class Workspace {
  public:
    Workspace(const Network& network, std::size_t capacity, Passes passes = Passes::kTraining);

    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    /// Outputs of layer l for the first b samples: (b, outputs of l).
    [[nodiscard]] Matrix output(std::size_t l, std::size_t b);
    /// What layer l keeps of the first b samples: (b, state_per_sample of l).
    [[nodiscard]] Matrix state(std::size_t l, std::size_t b);
    /// Deltas of layer l; shares memory with the deltas of the layers l ± 2.
    [[nodiscard]] Matrix delta(std::size_t l, std::size_t b);
    /// What the layer at that place reads where dropout is at work: place 0 for the network's inputs, 1 + l
    /// for the outputs of layer l; empty where nothing is dropped.
    [[nodiscard]] Matrix dropped(std::size_t place, std::size_t b);
    /// Whether the last forward pass dropped out what the workspace has room for.
    [[nodiscard]] bool dropping() const { return dropping_; }
    void set_dropping(bool dropping) { dropping_ = dropping; }
    [[nodiscard]] std::span<float> scratch() { return scratch_.span(); }
    /// What a workspace of that capacity will hold, before it is made.
    static std::size_t bytes(const Network& network, std::size_t capacity, Passes passes = Passes::kTraining);

  private:
    std::size_t capacity_;
    std::vector<std::size_t> widths_;  // outputs of each layer
    std::vector<Buffer<float>> outputs_;
    std::vector<std::size_t> state_widths_;  // what each layer keeps
    std::vector<Buffer<float>> states_;
    std::vector<std::size_t> dropped_widths_;  // (1 + layers), 0 where nothing is dropped
    std::vector<Buffer<float>> dropped_;       // (1 + layers)
    bool dropping_ = false;
    Buffer<float> deltas_[2];
    Buffer<float> scratch_;
};

}  // namespace lockstep
