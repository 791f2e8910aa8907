#include "core/network/layers/initialiser.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/arithmetic/cosine.h"
#include "core/arithmetic/functions.h"
#include "core/base/philox.h"

namespace lockstep {

namespace {

bool is_normal(Initialiser initialiser) {
    return initialiser == Initialiser::kNormal || initialiser == Initialiser::kHeNormal ||
           initialiser == Initialiser::kGlorotNormal;
}

/// The bound of a uniform law, or a normal one's deviation, where no scale is given.
float natural_scale(Initialiser initialiser, std::size_t inputs, std::size_t outputs) {
    const auto in = static_cast<double>(inputs);
    const auto out = static_cast<double>(outputs);
    switch (initialiser) {
        case Initialiser::kHe:
            return static_cast<float>(std::sqrt(6.0 / in));
        case Initialiser::kGlorot:
            return static_cast<float>(std::sqrt(6.0 / (in + out)));
        case Initialiser::kLecun:
        case Initialiser::kUniform:
            return static_cast<float>(std::sqrt(3.0 / in));
        case Initialiser::kHeNormal:
            return static_cast<float>(std::sqrt(2.0 / in));
        case Initialiser::kGlorotNormal:
            return static_cast<float>(std::sqrt(2.0 / (in + out)));
        case Initialiser::kNormal:
            return static_cast<float>(1.0 / std::sqrt(in));
        case Initialiser::kConstant:
            break;
    }
    return 0.0F;
}

/// Four values in [−1, 1).
std::array<float, 4> uniform_values(const PhiloxCounter& words) {
    std::array<float, 4> values{};
    for (std::size_t j = 0; j < 4; ++j) values[j] = 2.0F * uniform01(words[j]) - 1.0F;
    return values;
}

/// Four independent values of mean 0 and deviation 1.
std::array<float, 4> normal_values(const PhiloxCounter& words) {
    std::array<float, 4> values{};
    for (std::size_t j = 0; j < 4; j += 2) {
        // 1 − u is above 0, and exact.
        const auto radius = static_cast<double>(std::sqrt(-2.0F * scalar::log(1.0F - uniform01(words[j]))));
        const double turn = 2.0 * static_cast<double>(uniform01(words[j + 1]));  // in half turns, below 2
        // cos πx = cos π(2 − x), and sin πx = cos π(x − ½).
        const auto folded = [](double x) { return cos_pi(x > 1.0 ? 2.0 - x : x); };
        values[j] = static_cast<float>(radius * folded(turn));
        values[j + 1] = static_cast<float>(radius * folded(std::fabs(turn - 0.5)));
    }
    return values;
}

}  // namespace

void draw_weights(Initialiser initialiser, std::optional<float> scale, std::uint64_t seed, std::size_t layer,
                  std::size_t inputs, std::size_t outputs, std::size_t first, std::span<float> weight) {
    const float factor = scale.value_or(natural_scale(initialiser, inputs, outputs));
    if (initialiser == Initialiser::kConstant) {
        std::ranges::fill(weight, factor);
        return;
    }
    const RandomStream stream(seed, RandomPurpose::kInitialWeights);
    // A block of the stream makes four weights, of which a slice may want only the last or the first.
    for (std::size_t done = 0; done < weight.size();) {
        const std::size_t i = first + done;
        const PhiloxCounter words = stream.block(i / 4, static_cast<std::uint32_t>(layer));
        const auto values = is_normal(initialiser) ? normal_values(words) : uniform_values(words);
        for (std::size_t j = i % 4; j < 4 && done < weight.size(); ++j, ++done) {
            weight[done] = values[j] * factor;
        }
    }
}

}  // namespace lockstep
