// Distorted images: what each distortion does, that they depend on seed, epoch and index alone, and frozen
// bits.
#include "core/data/augmentation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/threads.h"

using namespace lockstep;

namespace {

constexpr std::size_t kSide = 28;
constexpr std::size_t kPixels = kSide * kSide;

/// A blot with a smooth border, so that between pixels the image is nearly linear.
float blot(double x, double y, double half_width, double half_height) {
    const double r = std::hypot((x - 13.5) / half_width, (y - 13.5) / half_height);
    return static_cast<float>(std::clamp(1.5 - r, 0.0, 1.0));
}

std::vector<float> image(double half_width, double half_height) {
    std::vector<float> pixels(kPixels);
    for (std::size_t i = 0; i < kPixels; ++i) {
        const std::size_t row = i / kSide;
        pixels[i] = blot(static_cast<double>(i % kSide), static_cast<double>(row), half_width, half_height);
    }
    return pixels;
}

/// Copies of one image as the samples 0, 1, … make them.
std::vector<float> distorted(const std::vector<float>& original, const AugmentationOptions& options,
                             std::size_t copies, std::size_t epoch = 1, std::uint64_t seed = 1) {
    const ContractFloatMode mode;
    std::vector<float> x;
    for (std::size_t i = 0; i < copies; ++i) x.insert(x.end(), original.begin(), original.end());
    std::vector<std::uint64_t> indices(copies);
    std::iota(indices.begin(), indices.end(), std::uint64_t{0});
    Augmenter(options, original.size(), seed).apply(indices, epoch, {x.data(), copies, original.size()});
    return x;
}

struct Moments {
    double mass = 0.0, x = 0.0, y = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
};
Moments moments(const float* pixels) {
    Moments m;
    for (std::size_t i = 0; i < kPixels; ++i) {
        const std::size_t row = i / kSide;
        m.mass += double{pixels[i]};
        m.x += double{pixels[i]} * (static_cast<double>(i % kSide) - 13.5);
        m.y += double{pixels[i]} * (static_cast<double>(row) - 13.5);
    }
    m.x /= m.mass;
    m.y /= m.mass;
    for (std::size_t i = 0; i < kPixels; ++i) {
        const double x = static_cast<double>(i % kSide) - 13.5 - m.x;
        const std::size_t row = i / kSide;
        const double y = static_cast<double>(row) - 13.5 - m.y;
        m.xx += double{pixels[i]} * x * x / m.mass;
        m.yy += double{pixels[i]} * y * y / m.mass;
        m.xy += double{pixels[i]} * x * y / m.mass;
    }
    return m;
}

const AugmentationOptions kAll{.shift = 2.0F, .rotation = 15.0F, .scaling = 0.15F, .elastic_alpha = 36.0F};

}  // namespace

TEST_CASE("augmentation: a shift moves the image by up to its bound in x and y, and leaves its form") {
    const std::vector<float> original = image(6, 6);
    const std::vector<float> x = distorted(original, {.shift = 3.0F}, 200);
    double most = 0.0;
    for (std::size_t i = 0; i < 200; ++i) {
        const Moments m = moments(x.data() + i * kPixels);
        CHECK(m.mass == doctest::Approx(moments(original.data()).mass).epsilon(1e-3));
        most = std::max({most, std::fabs(m.x), std::fabs(m.y)});
    }
    // Of 400 uniform values the largest is below 0.95 · 3 with a chance of 0.95^400 = 1e-9.
    CHECK(most > 2.85);
    CHECK(most < 3.01);
}

TEST_CASE("augmentation: a rotation turns the image by up to its bound in both directions") {
    const std::vector<float> x = distorted(image(9, 4), {.rotation = 30.0F}, 200);
    double least = 0.0;
    double most = 0.0;
    for (std::size_t i = 0; i < 200; ++i) {
        const Moments m = moments(x.data() + i * kPixels);
        const double degrees = 90.0 / 3.14159265 * std::atan2(2.0 * m.xy, m.xx - m.yy);
        least = std::min(least, degrees);
        most = std::max(most, degrees);
        CHECK(std::hypot(m.x, m.y) < 0.05);
    }
    CHECK(most > 27.0);
    CHECK(most < 30.5);
    CHECK(least < -27.0);
    CHECK(least > -30.5);
}

TEST_CASE("augmentation: scaling stretches and shrinks x and y by themselves") {
    const Moments before = moments(image(5, 5).data());
    const std::vector<float> x = distorted(image(5, 5), {.scaling = 0.2F}, 200);
    double widest = 0.0;
    double narrowest = 9.0;
    double most_uneven = 1.0;
    for (std::size_t i = 0; i < 200; ++i) {
        const Moments m = moments(x.data() + i * kPixels);
        widest = std::max(widest, std::sqrt(m.xx / before.xx));
        narrowest = std::min(narrowest, std::sqrt(m.xx / before.xx));
        most_uneven = std::max(most_uneven, std::sqrt(m.xx / m.yy));
    }
    CHECK(widest > 1.18);
    CHECK(widest < 1.21);
    CHECK(narrowest < 0.82);
    CHECK(narrowest > 0.79);
    CHECK(most_uneven > 1.3);
}

TEST_CASE("augmentation: elastic distortion moves pixels by about alpha / (sigma sqrt(12 pi))") {
    // The image is its own column number, so a pixel shows where it came from; the middle alone, away from
    // the border. A field's deviation is alpha · 1/√3 · 1/(2 σ √π) pixels where nothing is cut off: 1.17 for
    // 36, 5.
    std::vector<float> ramp(kPixels);
    for (std::size_t i = 0; i < kPixels; ++i) ramp[i] = static_cast<float>(i % kSide);
    const std::vector<float> x = distorted(ramp, {.elastic_alpha = 36.0F, .elastic_sigma = 5.0F}, 500);
    double squares = 0.0;
    for (std::size_t i = 0; i < 500; ++i) {
        const double moved = double{x[i * kPixels + 14 * kSide + 14]} - 14.0;
        squares += moved * moved / 500.0;
    }
    // Five deviations of a variance from 500 values are 32 %, of its root 16 %.
    CHECK(std::sqrt(squares) == doctest::Approx(1.17).epsilon(0.16));
}

TEST_CASE("augmentation: depends on seed, epoch and index alone, not on the batch or the threads") {
    const std::vector<float> original = image(8, 5);
    const std::vector<float> all = distorted(original, kAll, 40);
    set_thread_count(3);
    const std::vector<float> shared = distorted(original, kAll, 40);
    set_thread_count(1);
    CHECK(all == shared);
    std::vector<float> alone = original;
    const std::uint64_t index = 17;
    {
        const ContractFloatMode mode;
        Augmenter(kAll, kPixels, 1).apply({&index, 1}, 1, {alone.data(), 1, kPixels});
    }
    CHECK(std::equal(alone.begin(), alone.end(), all.begin() + 17 * kPixels));
    CHECK(all != distorted(original, kAll, 40, 2));
    CHECK(all != distorted(original, kAll, 40, 1, 2));
}

TEST_CASE("augmentation: the bits are those recorded, on every machine") {
    std::vector<float> original(kPixels);
    for (std::size_t i = 0; i < kPixels; ++i) original[i] = static_cast<float>(i * 37 % 256) / 255.0F;
    const std::vector<float> x = distorted(original, kAll, 10);
    DigestBuilder digest;
    digest.update(std::span(x));
    CHECK(digest.digest().hex() == "584148ea3b69e9e98a31b78b7574e404");
}

TEST_CASE("augmentation: inputs that are no images are refused, rectangles are not") {
    CHECK_THROWS_AS(Augmenter(kAll, 960, 1), ConfigError);
    AugmentationOptions wide = kAll;
    wide.width = 32;
    CHECK_NOTHROW(Augmenter(wide, 960, 1));
    wide.width = 31;
    CHECK_THROWS_AS(Augmenter(wide, 960, 1), ConfigError);
}
