// The norms of the gradients that a run descends by: of each step's batch, and of an epoch.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/base/buffer.h"
#include "core/network/parameter_layout.h"

namespace lockstep {

/// ‖g‖ over all parameters: each layer's squares are summed by square_sum (elementwise.h), the layers in
/// their order, so that it has the same bits on any number of ranks and threads. Where the ranks divide the
/// gradient among themselves they exchange the sums of the blocks they have, and the values of blocks that
/// two of them have a part of: one allgather a norm, of 8 bytes a block and at most two blocks' values a run.
class GradientNorms {
  public:
    /// `held`: the runs of the arena that this rank has gradient sums of, with sharding: those that it owns,
    /// which are the arena on all ranks together; none: every rank has all of it. `of_epochs`: of_epoch()
    /// will be asked for, which takes memory for another gradient. `comm` must outlive the object.
    GradientNorms(const Communicator& comm, const ParameterLayout& layout, std::vector<ArenaRange> held,
                  bool of_epochs);

    /// Of a step's mean gradient, which counts towards the epoch's. Shape: sums (all that is held, run after
    /// run), the gradient's sum over the batch; `mean_factor` makes it the mean. Collective where the
    /// gradient is divided, as of_epoch().
    double of_step(std::span<const float> sums, float mean_factor);

    /// Of the mean gradient over the samples of all steps since the last call, each at the parameters that it
    /// was computed with; `mean_factor` is that of so many samples.
    double of_epoch(float mean_factor);
    /// The sum of the gradients of these steps, in the order of what is held, for those who keep or restore
    /// it between steps. Requires of_epochs.
    [[nodiscard]] std::span<float> epoch_sums() { return epoch_sums_.span(); }

  private:
    [[nodiscard]] bool divided() const { return !held_.empty(); }
    [[nodiscard]] double norm(std::span<const float> sums, float mean_factor);
    /// This rank's part of block_sums_, as the other ranks are told of it.
    [[nodiscard]] std::string own_blocks(std::span<const float> sums) const;
    void take_blocks(const std::vector<std::string>& parts);

    const Communicator& comm_;
    std::vector<ArenaRange> layers_;
    std::vector<ArenaRange> held_;
    Buffer<float> epoch_sums_;              // none where they are not wanted
    std::vector<std::size_t> first_block_;  // (layers + 1): of a layer, in block_sums_
    std::vector<double> block_sums_;
};

}  // namespace lockstep
