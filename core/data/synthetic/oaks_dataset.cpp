// Growing of the oaks. Any change of what is drawn changes the version in digest().
#include "core/data/synthetic/oaks_dataset.h"

namespace lockstep {

void OaksDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const PhiloxCounter words = set_.random(indices[i], 0);
        const double diameter = 0.2 + static_cast<double>(uniform01(words[0]));
        x(i, 0) = static_cast<float>((diameter - 0.7) / 0.25);
        if (target.empty()) continue;
        double noise = -1.5;
        for (std::size_t w = 1; w < words.size(); ++w) noise += static_cast<double>(uniform01(words[w]));
        target.values(i, 0) = static_cast<float>(6.0 + 18.0 * diameter + 2.0 * noise);
    }
}

extern const DataSource kOaksSource{
    .name = "oaks",
    .what = "OAKS",
    .keys = kSyntheticKeys,
    .open = [](const DataOptions& options) { return open_synthetic<OaksDataset>(options, 1000, 200); },
};

}  // namespace lockstep
