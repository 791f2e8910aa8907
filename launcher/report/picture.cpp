#include "launcher/report/picture.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>

namespace lockstep {

namespace {

/// A count of inputs below this is more likely a row of a table than a picture.
constexpr std::size_t kLeastPixels = 64;

std::vector<float> channels_of(std::span<const float> values, const Shape& shape) {
    const std::size_t channels = shape.channels();
    if (picture_channels(shape) == channels) return {values.begin(), values.end()};
    std::vector<float> means(shape.height() * shape.width());
    for (std::size_t i = 0; i < means.size(); ++i) {
        for (std::size_t c = 0; c < channels; ++c) means[i] += values[i * channels + c];
        means[i] /= static_cast<float>(channels);
    }
    return means;
}

/// What is no number is drawn as 0.
std::uint8_t byte(float value) {
    return std::isnan(value) ? std::uint8_t{0}
                             : static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0F, 255.0F)));
}

std::string picture(std::span<const float> values, float scale, float origin) {
    std::vector<std::uint8_t> bytes(values.size());
    std::ranges::transform(values, bytes.begin(), [&](float value) { return byte(value * scale + origin); });
    return base64(bytes);
}

}  // namespace

std::optional<Shape> picture_shape(const Shape& inputs) {
    if (inputs.is_image()) return inputs;
    const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(inputs.count()))));
    if (inputs.count() < kLeastPixels || side * side != inputs.count()) return std::nullopt;
    return Shape(side, side, 1);
}

std::size_t picture_channels(const Shape& shape) { return shape.channels() == 3 ? 3 : 1; }

std::string picture_of_values(std::span<const float> values, const Shape& shape) {
    const std::vector<float> pixels = channels_of(values, shape);
    const auto [least, most] = std::ranges::minmax(pixels);
    const float scale = most > least ? 255.0F / (most - least) : 0.0F;
    return picture(pixels, scale, -least * scale);
}

std::string picture_of_weights(std::span<const float> values, const Shape& shape) {
    const std::vector<float> pixels = channels_of(values, shape);
    float most = 0.0F;
    for (const float value : pixels) most = std::max(most, std::fabs(value));
    return picture(pixels, most > 0.0F ? 127.0F / most : 0.0F, 128.0F);
}

std::string base64(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) group = group << 8U | (k < count ? bytes[i + k] : 0U);
        for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
    }
    return text;
}

}  // namespace lockstep
