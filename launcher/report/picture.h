// Values as pictures that a page can carry: bytes in base64.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/shape.h"

namespace lockstep {

/// How so many inputs of a sample are shown: as the image that they are, or, where they are as many as a
/// square has pixels, 64 or more, as that square, which images in CSV files are. Nothing for others.
std::optional<Shape> picture_shape(const Shape& inputs);

/// Grey or coloured: one or three bytes a pixel; of other channels the mean is taken.
std::size_t picture_channels(const Shape& shape);

/// The least value is 0, the largest 255. Shape: values (shape.count()).
std::string picture_of_values(std::span<const float> values, const Shape& shape);
/// 0 is 128, the largest absolute value 1 or 255. Shape: values (shape.count()).
std::string picture_of_weights(std::span<const float> values, const Shape& shape);

/// RFC 4648.
std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace lockstep
