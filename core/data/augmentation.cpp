#include "core/data/augmentation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/arithmetic/cosine.h"
#include "core/arithmetic/functions.h"
#include "core/base/error.h"
#include "core/base/philox.h"
#include "core/base/threads.h"

namespace lockstep {

namespace {

/// Blocks of a sample's random words: the first two for shift, rotation and scaling, the field behind them.
constexpr std::uint32_t kFieldBlock = 2;

std::size_t image_width(std::size_t width, const Shape& shape) {
    const std::size_t input_size = shape.count();
    if (width == 0 && shape.is_image() && shape.channels() == 1) return shape.width();
    if (width == 0) {
        for (width = 1; width * width < input_size;) ++width;
        if (width * width == input_size) return width;
        throw ConfigError(
            fmt::format("augmentation: {} inputs are no square image; set augmentation.width", input_size));
    }
    if (input_size % width == 0) return width;
    throw ConfigError(
        fmt::format("augmentation.width = {}: {} inputs are no rows of {} pixels", width, input_size, width));
}

/// (size, size): the Gaussian's weight of pixel k at place c, times `factor`.
std::vector<float> smoothing(std::size_t size, float sigma, float factor) {
    const auto radius = static_cast<std::size_t>(3.0F * sigma) + 1;
    std::vector<float> weight;
    float sum = 0.0F;
    for (std::size_t d = 0; d <= radius; ++d) {
        const float z = static_cast<float>(d) / sigma;
        weight.push_back(scalar::exp(-0.5F * z * z));
        sum += d == 0 ? weight[d] : 2.0F * weight[d];
    }
    std::vector<float> matrix(size * size, 0.0F);
    for (std::size_t k = 0; k < size; ++k) {
        for (std::size_t c = 0; c < size; ++c) {
            const std::size_t d = k > c ? k - c : c - k;
            if (d <= radius) matrix[k * size + c] = weight[d] / sum * factor;
        }
    }
    return matrix;
}

/// Two values in [−1, 1) of a word.
float low_half(std::uint32_t word) { return static_cast<float>(word & 0xFFFFU) * 0x1p-15F - 1.0F; }
float high_half(std::uint32_t word) { return static_cast<float>(word >> 16) * 0x1p-15F - 1.0F; }

std::uint64_t stream_index(std::uint64_t index, std::size_t epoch) {
    return index | static_cast<std::uint64_t>(epoch) << 32;
}

}  // namespace

/// What one thread needs, kept from call to call.
struct Augmenter::Scratch {
    std::vector<float> noise;   // (2, height, width)
    std::vector<float> rows;    // (height, width): smoothed along x
    std::vector<float> field;   // (2, height, width): displacements in x, in y
    std::vector<float> source;  // (height + 2, width + 2): the image within a border of zeros
};

Augmenter::Augmenter(const AugmentationOptions& options, const Shape& shape, std::uint64_t seed)
    : options_(options),
      width_(image_width(options.width, shape)),
      height_(shape.count() / width_),
      seed_(seed) {
    if (options.elastic_alpha == 0.0F) return;
    smooth_x_ = smoothing(width_, options.elastic_sigma, 1.0F);
    smooth_y_ = smoothing(height_, options.elastic_sigma, options.elastic_alpha);
}

void Augmenter::apply(std::span<const std::uint64_t> indices, std::size_t epoch, Matrix x) const {
    share_range(indices.size(), 4, 1, [&](std::size_t begin, std::size_t end) {
        thread_local Scratch scratch;
        for (std::size_t i = begin; i < end; ++i) distort(indices[i], epoch, x.row(i), scratch);
    });
}

void Augmenter::draw_field(std::uint64_t index, std::size_t epoch, Scratch& scratch) const {
    const std::size_t pixels = width_ * height_;
    scratch.field.assign(2 * pixels, 0.0F);
    if (options_.elastic_alpha == 0.0F) return;
    const RandomStream stream(seed_, RandomPurpose::kAugmentation);
    scratch.noise.resize(2 * pixels + 8);
    for (std::size_t i = 0; i < 2 * pixels; i += 8) {
        const PhiloxCounter words =
            stream.block(stream_index(index, epoch), kFieldBlock + static_cast<std::uint32_t>(i / 8));
        for (std::size_t w = 0; w < 4; ++w) {
            scratch.noise[i + 2 * w] = low_half(words[w]);
            scratch.noise[i + 2 * w + 1] = high_half(words[w]);
        }
    }
    for (std::size_t direction = 0; direction < 2; ++direction) {
        const float* noise = scratch.noise.data() + direction * pixels;
        scratch.rows.assign(pixels, 0.0F);
        for (std::size_t r = 0; r < height_; ++r) {
            float* row = scratch.rows.data() + r * width_;
            for (std::size_t k = 0; k < width_; ++k) {
                const float value = noise[r * width_ + k];
                const float* weight = smooth_x_.data() + k * width_;
                for (std::size_t c = 0; c < width_; ++c) row[c] += weight[c] * value;
            }
        }
        for (std::size_t r = 0; r < height_; ++r) {
            float* field = scratch.field.data() + direction * pixels + r * width_;
            for (std::size_t k = 0; k < height_; ++k) {
                const float weight = smooth_y_[r * height_ + k];
                const float* row = scratch.rows.data() + k * width_;
                for (std::size_t c = 0; c < width_; ++c) field[c] += weight * row[c];
            }
        }
    }
}

void Augmenter::distort(std::uint64_t index, std::size_t epoch, std::span<float> image,
                        Scratch& scratch) const {
    draw_field(index, epoch, scratch);
    const RandomStream stream(seed_, RandomPurpose::kAugmentation);
    const PhiloxCounter words = stream.block(stream_index(index, epoch), 0);
    const auto signed_unit = [](std::uint32_t word) { return 2.0F * uniform01(word) - 1.0F; };
    const double turn = static_cast<double>(signed_unit(words[0]) * options_.rotation) / 180.0;
    const auto cosine = static_cast<float>(cos_pi(std::fabs(turn)));
    const auto sine = static_cast<float>(std::copysign(cos_pi(0.5 - std::fabs(turn)), turn));
    const float wider = 1.0F / (1.0F + signed_unit(words[1]) * options_.scaling);
    const float higher = 1.0F / (1.0F + signed_unit(words[2]) * options_.scaling);
    const PhiloxCounter more = stream.block(stream_index(index, epoch), 1);
    const float centre_x = 0.5F * static_cast<float>(width_ - 1);
    const float centre_y = 0.5F * static_cast<float>(height_ - 1);
    // Of the source within its border: hence the 1.
    const float from_x = centre_x + 1.0F + signed_unit(more[0]) * options_.shift;
    const float from_y = centre_y + 1.0F + signed_unit(more[1]) * options_.shift;

    const std::size_t stride = width_ + 2;
    scratch.source.assign(stride * (height_ + 2), 0.0F);
    for (std::size_t r = 0; r < height_; ++r) {
        std::copy_n(image.data() + r * width_, width_, scratch.source.data() + (r + 1) * stride + 1);
    }
    const float* in_x = scratch.field.data();
    const float* in_y = in_x + width_ * height_;
    const auto most_x = static_cast<float>(width_ + 1);
    const auto most_y = static_cast<float>(height_ + 1);
    for (std::size_t r = 0; r < height_; ++r) {
        const float y = static_cast<float>(r) - centre_y;
        for (std::size_t c = 0; c < width_; ++c) {
            const std::size_t i = r * width_ + c;
            const float x = static_cast<float>(c) - centre_x;
            const float source_x = (cosine * x + sine * y) * wider + from_x + in_x[i];
            const float source_y = (cosine * y - sine * x) * higher + from_y + in_y[i];
            if (!(source_x > 0.0F && source_x < most_x && source_y > 0.0F && source_y < most_y)) {
                image[i] = 0.0F;
                continue;
            }
            const auto left = static_cast<int>(source_x);
            const auto top = static_cast<int>(source_y);
            const float right_share = source_x - static_cast<float>(left);
            const float low_share = source_y - static_cast<float>(top);
            const float* p = scratch.source.data() + static_cast<std::size_t>(top) * stride +
                             static_cast<std::size_t>(left);
            const float upper = p[0] + right_share * (p[1] - p[0]);
            const float lower = p[stride] + right_share * (p[stride + 1] - p[stride]);
            image[i] = upper + low_share * (lower - upper);
        }
    }
}

}  // namespace lockstep
