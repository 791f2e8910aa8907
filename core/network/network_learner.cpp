#include "core/network/network_learner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/arithmetic/elementwise.h"

namespace lockstep {

std::string NetworkLearner::first_not_finite(std::size_t b) {
    for (std::size_t l = 0; l < network_.layer_count(); ++l) {
        const ConstMatrix output = work_.output(l, b);
        for (std::size_t r = 0; r < b; ++r) {
            const std::span<const float> row = output.row(r);
            if (all_finite(row)) continue;
            const auto bad = std::ranges::find_if(row, [](float v) { return !std::isfinite(v); });
            return fmt::format("neuron {} of layer {} is {} first", bad - row.begin(), l,
                               std::isnan(*bad) ? "NaN" : "infinite");
        }
    }
    return "";
}

}  // namespace lockstep
