// One period of the sine: regression with one input, the lecture's animation.
#pragma once

#include "core/data/dataset.h"
#include "core/data/synthetic/synthetic.h"

namespace lockstep {

/// sin(x) for |x| <= π, by a polynomial in double with the same bits on every CPU (libm's differ by version).
/// Error below 3e-16.
double sine_of(double x);

/// One input x in radians, uniform in [−π, π); one real target sin(x).
class SineDataset final : public Dataset {
  public:
    explicit SineDataset(SyntheticSet set) : set_(set) {}

    [[nodiscard]] std::size_t size() const override { return set_.samples; }
    [[nodiscard]] Shape input_shape() const override { return 1; }
    [[nodiscard]] std::size_t classes() const override { return 0; }
    [[nodiscard]] std::size_t target_size() const override { return 1; }
    [[nodiscard]] std::string description() const override { return set_.description("sine"); }
    [[nodiscard]] std::string digest() const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    SyntheticSet set_;
};

}  // namespace lockstep
