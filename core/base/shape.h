// How many values a sample has at some place of a network, and how they lie.
#pragma once

#include <cstddef>

namespace lockstep {

/// A plain count of values, or an image of (height, width, channels): value (y, x, c) is number
/// (y · width + x) · channels + c. A count is a column of so many values.
class Shape {
  public:
    Shape() = default;
    Shape(std::size_t count) : height_(count) {}  // NOLINT(google-explicit-constructor): a count is a shape
    Shape(std::size_t height, std::size_t width, std::size_t channels)
        : height_(height), width_(width), channels_(channels), image_(true) {}

    [[nodiscard]] std::size_t count() const { return height_ * width_ * channels_; }
    [[nodiscard]] bool is_image() const { return image_; }
    [[nodiscard]] std::size_t height() const { return height_; }
    [[nodiscard]] std::size_t width() const { return width_; }
    [[nodiscard]] std::size_t channels() const { return channels_; }
    bool operator==(const Shape&) const = default;

  private:
    std::size_t height_ = 0;
    std::size_t width_ = 1;
    std::size_t channels_ = 1;
    bool image_ = false;
};

}  // namespace lockstep
