// Oaks: the height of a tree from its diameter, a regression that is linear but for its noise.
#pragma once

#include "core/data/dataset.h"
#include "core/data/synthetic/synthetic.h"

namespace lockstep {

/// A tree's diameter d is uniform in [0.2, 1.2) metres, its height 6 + 18 d + 2 (u + v + w - 1.5) metres with
/// u, v, w uniform in [0, 1): a noise of one metre. One input (d - 0.7) / 0.25, so that descent meets
/// curvatures near 1 in both the slope and the bias; one real target, the height.
class OaksDataset final : public Dataset {
  public:
    explicit OaksDataset(SyntheticSet set) : set_(set) {}

    [[nodiscard]] std::size_t size() const override { return set_.samples; }
    [[nodiscard]] Shape input_shape() const override { return 1; }
    [[nodiscard]] std::size_t classes() const override { return 0; }
    [[nodiscard]] std::size_t target_size() const override { return 1; }
    [[nodiscard]] std::string description() const override { return set_.description("oaks"); }
    [[nodiscard]] std::string digest() const override { return set_.digest("oaks", 1); }
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    SyntheticSet set_;
};

}  // namespace lockstep
