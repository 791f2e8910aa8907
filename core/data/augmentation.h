// Random distortion of images, new in every epoch, so that a network sees more of them than there are.
//
// Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks", ICDAR 2003 (elastic
// distortion); Ciresan, Meier, Gambardella, Schmidhuber, "Deep big simple neural nets excel on handwritten
// digit recognition", Neural Computation 2010.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/shape.h"

namespace lockstep {

/// The [augmentation] section: the largest of each distortion, drawn uniformly up to it in both directions.
struct AugmentationOptions {
    std::size_t width = 0;       ///< pixels of an image's row; 0: the data's own, or images are square
    float shift = 0.0F;          ///< pixels, in x and in y
    float rotation = 0.0F;       ///< degrees
    float scaling = 0.0F;        ///< share of the size, in x and in y by themselves, below 1
    float elastic_alpha = 0.0F;  ///< pixels by which the smoothed field of displacements is multiplied
    float elastic_sigma = 5.0F;  ///< pixels: deviation of the Gaussian that smooths it

    [[nodiscard]] bool any() const {
        return shift != 0.0F || rotation != 0.0F || scaling != 0.0F || elastic_alpha != 0.0F;
    }
};

/// Distorts images of one size. A pixel p of the new image takes the old one's value at
///   centre + scale⁻¹ · rotation · (p − centre) + shift + α · G_σ * u,
/// between four pixels in proportion (bilinear), 0 beyond the border. u is uniform in [−1, 1) for each pixel
/// and direction, G a Gaussian cut off at 3σ and at the border. All of it depends on (seed, epoch, sample's
/// index) alone and is made of IEEE's operations, so that every machine draws the same bits.
class Augmenter {
  public:
    /// Throws ConfigError where the inputs are no images of that width.
    Augmenter(const AugmentationOptions& options, const Shape& shape, std::uint64_t seed);

    /// Distorts each row of x, which holds the sample of that index. Shared among threads. About 30 µs for
    /// 28 × 28 pixels with all distortions. Shape: x (indices, height · width).
    void apply(std::span<const std::uint64_t> indices, std::size_t epoch, Matrix x) const;

  private:
    struct Scratch;
    void distort(std::uint64_t index, std::size_t epoch, std::span<float> image, Scratch& scratch) const;
    void draw_field(std::uint64_t index, std::size_t epoch, Scratch& scratch) const;

    AugmentationOptions options_;
    std::size_t width_;
    std::size_t height_;
    std::uint64_t seed_;
    std::vector<float> smooth_x_;  // (width, width): weight of pixel k in column c
    std::vector<float> smooth_y_;  // (height, height), times alpha
};

}  // namespace lockstep
