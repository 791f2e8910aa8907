// Exclusive or: the smallest task that needs a hidden layer.
#pragma once

#include "core/data/dataset.h"

namespace lockstep {

/// The four samples (0,0) → 0, (0,1) → 1, (1,0) → 1, (1,1) → 0; two inputs, one real target.
class XorDataset final : public Dataset {
  public:
    [[nodiscard]] std::size_t size() const override { return 4; }
    [[nodiscard]] Shape input_shape() const override { return 2; }
    [[nodiscard]] std::size_t classes() const override { return 0; }
    [[nodiscard]] std::size_t target_size() const override { return 1; }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] std::string digest() const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;
};

}  // namespace lockstep
