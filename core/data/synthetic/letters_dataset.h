// Three letters on a retina of 8 x 8 pixels: small enough that what each hidden neuron looks at can be drawn.
#pragma once

#include "core/data/dataset.h"
#include "core/data/synthetic/synthetic.h"

namespace lockstep {

/// Grey images of 8 x 8 = 64 pixels, rows from the top; 3 classes, the letters T, F and L, each equally
/// likely. A letter is drawn in a box of 6 x 6 with strokes two pixels wide or one, 1 on 0. Besides the
/// letter, random: a shift of the box by −1, 0 or 1 pixel both ways; noise uniform in [−0.2, 0.2) on each
/// pixel; and one pixel of 32, on average, is turned from ink to paper or back.
class LettersDataset final : public Dataset {
  public:
    static constexpr std::size_t kSide = 8;
    static constexpr std::size_t kLetters = 3;

    explicit LettersDataset(SyntheticSet set) : set_(set) {}

    [[nodiscard]] std::size_t size() const override { return set_.samples; }
    [[nodiscard]] Shape input_shape() const override { return {kSide, kSide, 1}; }
    [[nodiscard]] std::size_t classes() const override { return kLetters; }
    [[nodiscard]] std::size_t target_size() const override { return 0; }
    [[nodiscard]] std::string description() const override { return set_.description("letters"); }
    [[nodiscard]] std::string digest() const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;

  private:
    SyntheticSet set_;
};

}  // namespace lockstep
