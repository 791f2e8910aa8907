// Sine samples, and the sine itself.
#include "core/data/synthetic/sine_dataset.h"

#include <numbers>

namespace lockstep {

double sine_of(double x) {
    // sin(x) = sin(π − x) brings |x| below π/2. There Taylor's series up to x^21 leaves (π/2)^23 / 23! <
    // 2e-18.
    constexpr double kPi = std::numbers::pi;
    // π less its double: π − x is exact to the last bit of the result, also near π.
    constexpr double kPiRest = 1.2246467991473532e-16;
    if (x > kPi / 2) x = (kPi - x) + kPiRest;
    if (x < -kPi / 2) x = (-kPi - x) - kPiRest;
    double sum = 0.0;
    const double square = x * x;
    for (int n = 20; n >= 2; n -= 2) sum = -square / (n * (n + 1)) * (1.0 + sum);
    return x + x * sum;
}

std::string SineDataset::digest() const { return set_.digest("sine", 1); }

void SineDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const float position = uniform01(set_.random(indices[i], 0)[0]);
        const auto angle = static_cast<float>((2.0 * position - 1.0) * std::numbers::pi);
        x(i, 0) = angle;
        if (!target.empty()) target.values(i, 0) = static_cast<float>(sine_of(angle));
    }
}

extern const DataSource kSineSource{
    .name = "sine",
    .what = "one period of the sine",
    .keys = kSyntheticKeys,
    .open = [](const DataOptions& options) { return open_synthetic<SineDataset>(options, 1000, 200); },
};

}  // namespace lockstep
