// Drawing of the roads. Only +, −, ·, / and comparisons of floats, so that every CPU draws the same bits.
//
// Any change of what is drawn changes kVersion, and with it the recorded digests.
#include "core/data/synthetic/alvinn_dataset.h"

#include <array>
#include <cstring>

namespace lockstep {

namespace {

constexpr std::uint64_t kVersion = 1;
constexpr auto kRows = AlvinnDataset::kRows;
constexpr auto kColumns = AlvinnDataset::kColumns;

/// Where the car steers for.
constexpr float kLookAhead = 2.0F;
/// Furthest from the middle of a class that a direction is, in class widths. With 0.5, where classes touch,
/// the 960-32-30 network of the header stayed at 72 %, all its errors by one class.
constexpr float kPlay = 0.25F;
/// Columns of the image per unit of X / z: directions of ±1 lie just within the image.
constexpr float kFocal_columns = 14.0F;
/// Blocks of the sample's random words: its scene first, then two for the noise of each row.
constexpr std::size_t kSceneBlocks = 4;
constexpr std::size_t kNoiseBlocksPerRow = 2;
static_assert(kNoiseBlocksPerRow * sizeof(PhiloxCounter) == kColumns);

struct Scene {
    std::int32_t label;
    float offset;
    float heading;
    float half_curvature;
    float half_width;
    float horizon_row;
    float verge;
    float road_contrast;  // road less verge
    float sky;
    float light_left;  // factors of the brightness at the image's sides
    float light_slope;
    float shadow_row;  // the shadow's middle, at column 0, and its shape
    float shadow_slope;
    float shadow_half_height;
    float shade;  // what the shadow takes of the brightness
    float noise;  // amplitude per unit of a byte about 127.5
};

Scene draw_scene(const SyntheticSet& set, std::uint64_t index) {
    std::array<float, 4 * kSceneBlocks> u{};
    for (std::size_t block = 0; block < kSceneBlocks; ++block) {
        const PhiloxCounter words = set.random(index, static_cast<std::uint32_t>(block));
        for (std::size_t w = 0; w < words.size(); ++w) u[block * words.size() + w] = uniform01(words[w]);
    }
    std::size_t next = 0;
    const auto between = [&](float low, float high) { return low + (high - low) * u[next++]; };

    Scene scene{};
    const auto classes = static_cast<float>(AlvinnDataset::kDirections);
    scene.label = static_cast<std::int32_t>(u[next++] * classes);
    const float direction =
        (2.0F / classes) * (static_cast<float>(scene.label) + 0.5F + between(-kPlay, kPlay)) - 1.0F;
    scene.offset = between(-0.3F, 0.3F);
    scene.half_curvature = between(-0.06F, 0.06F);
    // The heading is what brings the middle of the road to the direction that was drawn.
    scene.heading = direction - scene.offset / kLookAhead - scene.half_curvature * kLookAhead;
    scene.half_width = between(0.35F, 0.6F);
    scene.horizon_row = between(4.0F, 6.0F);
    scene.verge = between(0.2F, 0.5F);
    scene.road_contrast = between(0.15F, 0.4F);
    scene.sky = between(0.5F, 1.0F);
    scene.light_left = between(0.8F, 1.2F);
    scene.light_slope = (between(0.8F, 1.2F) - scene.light_left) / static_cast<float>(kColumns);
    scene.shadow_row = between(0.0F, 40.0F);
    scene.shadow_slope = between(-0.5F, 0.5F);
    scene.shadow_half_height = between(0.5F, 3.0F);
    scene.shade = between(0.1F, 0.5F);
    scene.noise = between(0.02F, 0.1F) / 127.5F;
    return scene;
}

/// A byte for each pixel of a row.
using RowNoise = std::array<std::uint8_t, kColumns>;

RowNoise draw_noise(const SyntheticSet& set, std::uint64_t index, std::size_t row) {
    RowNoise noise{};
    for (std::size_t i = 0; i < kNoiseBlocksPerRow; ++i) {
        const std::size_t block = kSceneBlocks + kNoiseBlocksPerRow * row + i;
        const PhiloxCounter words = set.random(index, static_cast<std::uint32_t>(block));
        std::memcpy(&noise[i * sizeof(words)], words.data(), sizeof(words));
    }
    return noise;
}

float at_least(float value, float low) { return value < low ? low : value; }
float at_most(float value, float high) { return value > high ? high : value; }
float magnitude(float value) { return value < 0.0F ? -value : value; }

void draw_row(const Scene& scene, std::size_t row, const RowNoise& noise, float* pixels) {
    const float y = static_cast<float>(row) + 0.5F;
    // The row looks at the distance 1 / t, from the horizon (0) to the bottom of the image (1).
    const float t = (y - scene.horizon_row) / (static_cast<float>(kRows) - scene.horizon_row);
    const bool ground = t > 0.0F;
    const float middle =
        ground ? kFocal_columns * (scene.offset * t + scene.heading + scene.half_curvature / t) +
                     0.5F * static_cast<float>(kColumns)
               : 0.0F;
    const float half_columns = ground ? kFocal_columns * scene.half_width * t : 0.0F;
    // A pixel is covered by the road as far as the road reaches into it, so never more than the road is wide.
    const float most_covered = at_most(2.0F * half_columns, 1.0F);
    const float verge = ground ? scene.verge : scene.sky;
    const float contrast = ground ? scene.road_contrast : 0.0F;
    for (std::size_t column = 0; column < kColumns; ++column) {
        const float x = static_cast<float>(static_cast<std::int32_t>(column)) + 0.5F;
        const float covered =
            at_most(at_least(half_columns + 0.5F - magnitude(x - middle), 0.0F), most_covered);
        const float shadow_distance = magnitude(y - scene.shadow_row - scene.shadow_slope * x);
        const float shadow = at_most(at_least(scene.shadow_half_height + 0.5F - shadow_distance, 0.0F), 1.0F);
        const float light = (scene.light_left + scene.light_slope * x) * (1.0F - scene.shade * shadow);
        const float grain = scene.noise * (static_cast<float>(noise[column]) - 127.5F);
        pixels[column] = at_most(at_least((verge + contrast * covered) * light + grain, 0.0F), 1.0F);
    }
}

}  // namespace

std::string AlvinnDataset::digest() const { return set_.digest("alvinn", kVersion); }

void AlvinnDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const Scene scene = draw_scene(set_, indices[i]);
        float* const image = x.row(i).data();
        for (std::size_t row = 0; row < kRows; ++row) {
            const RowNoise noise = draw_noise(set_, indices[i], row);
            draw_row(scene, row, noise, image + row * kColumns);
        }
        if (!target.labels.empty()) target.labels[i] = scene.label;
    }
}

extern const DataSource kAlvinnSource{
    .name = "alvinn",
    .what = "made-up roads seen from a car, steering as the class",
    .keys = kSyntheticKeys,
    .open = [](const DataOptions& options) { return open_synthetic<AlvinnDataset>(options, 50000, 10000); },
};

}  // namespace lockstep
