#include "core/network/initialiser.h"

#include <cmath>

#include "core/arithmetic/philox.h"

namespace lockstep {

namespace {

float bound_of(Initialiser initialiser, std::size_t inputs, std::size_t outputs) {
    const auto in = static_cast<double>(inputs);
    const auto out = static_cast<double>(outputs);
    switch (initialiser) {
        case Initialiser::kHe:
            return static_cast<float>(std::sqrt(6.0 / in));
        case Initialiser::kGlorot:
            return static_cast<float>(std::sqrt(6.0 / (in + out)));
        case Initialiser::kLecun:
            return static_cast<float>(std::sqrt(3.0 / in));
    }
    return 0.0F;
}

}  // namespace

void draw_weights(Initialiser initialiser, std::uint64_t seed, std::size_t layer, std::size_t inputs,
                  std::size_t outputs, std::size_t first, std::span<float> weight) {
    const RandomStream stream(seed, RandomPurpose::kInitialWeights);
    const float bound = bound_of(initialiser, inputs, outputs);
    // A block of the stream makes four weights, of which a slice may want only the last or the first.
    for (std::size_t done = 0; done < weight.size();) {
        const std::size_t i = first + done;
        const PhiloxCounter words = stream.block(i / 4, static_cast<std::uint32_t>(layer));
        for (std::size_t j = i % 4; j < 4 && done < weight.size(); ++j, ++done) {
            weight[done] = (2.0F * uniform01(words[j]) - 1.0F) * bound;
        }
    }
}

}  // namespace lockstep
