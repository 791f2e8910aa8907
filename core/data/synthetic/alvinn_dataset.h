// Roads seen from a car, and which way to steer: a set that needs no files, in the spirit of ALVINN.
#pragma once

#include "core/data/dataset.h"
#include "core/data/synthetic/synthetic.h"

namespace lockstep {

/// Grey images of 30 x 32 = 960 pixels in [0, 1], rows from the top; 30 classes, from sharp left (0) to sharp
/// right (29), each equally likely. Source of the task: Pomerleau, "ALVINN: an autonomous land vehicle in a
/// neural network", NIPS 1988; its images were photographs, these are drawn.
///
/// The road lies on a plane. In units of the distance from the car to the bottom row of the image, its middle
/// is at X(z) = offset + heading · z + curvature · z² / 2 to the right of the car, z ahead of it. The car
/// steers for the point two units ahead, so its direction is X(2) / 2, in [−1, 1), and class = ⌊15 (direction
/// + 1)⌋; the steering has some play, that is, the directions lie in the middle half of their class. Drawn at
/// random besides: the road's width, the horizon's height, the brightness of road, verge and sky, light from
/// one side, a shadow across the image, and noise.
///
/// What to expect: a 960-32-30 network (ReLU, softmax, batch 64, learning rate 0.02, momentum 0.9) tells 80 %
/// of the test set after one epoch of 50 000 samples, 97 % after eight, and misses by one class where it
/// errs. Cost: about 2 µs per sample and core; nothing is stored.
class AlvinnDataset final : public Dataset {
  public:
    static constexpr std::size_t kRows = 30;
    static constexpr std::size_t kColumns = 32;
    static constexpr std::size_t kDirections = 30;

    explicit AlvinnDataset(SyntheticSet set) : set_(set) {}

    [[nodiscard]] std::size_t size() const override { return set_.samples; }
    [[nodiscard]] Shape input_shape() const override { return {kRows, kColumns, 1}; }
    [[nodiscard]] std::size_t classes() const override { return kDirections; }
    [[nodiscard]] std::size_t target_size() const override { return 0; }
    [[nodiscard]] std::string description() const override { return set_.description("alvinn"); }
    [[nodiscard]] std::string digest() const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    SyntheticSet set_;
};

}  // namespace lockstep
