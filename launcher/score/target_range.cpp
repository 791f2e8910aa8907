#include "launcher/score/target_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/arithmetic/activation_table.h"
#include "launcher/score/sample_reader.h"

namespace lockstep {

namespace {

struct Range {
    float least;
    float most;
};

Range range_of_targets(const NetworkSpec& network, const Dataset& set) {
    if (set.classes() > 0) return {network.coding.low, network.coding.high};
    if (const auto summary = set.summary()) return {summary->least_target, summary->most_target};
    constexpr std::size_t kSamples = 256;
    SampleReader reader(set, std::min(kSamples, set.size()));
    std::optional<Range> range;
    for (std::size_t first = 0; first < set.size(); first += kSamples) {
        const std::size_t count = std::min(kSamples, set.size() - first);
        const ConstMatrix values = reader.read_run(first, count).targets.values;
        for (std::size_t r = 0; r < count; ++r) {
            const auto [least, most] = std::ranges::minmax(values.row(r));
            if (!range) range = Range{least, most};
            range = Range{std::min(range->least, least), std::max(range->most, most)};
        }
    }
    return range.value_or(Range{0.0F, 0.0F});
}

}  // namespace

std::string target_range_advice(const NetworkSpec& network, const Dataset& train) {
    if (is_cross_entropy(network.loss)) return "";
    const Activation& f = network.layers.back().activation;
    const std::optional<OpenRange>& unit = row_of(f.kind).range;
    if (!unit) return "";
    const Range outputs{unit->least * f.a, unit->most * f.a};
    const Range targets = range_of_targets(network, train);
    if (targets.least > outputs.least && targets.most < outputs.most) return "";
    const bool beyond = targets.least < outputs.least || targets.most > outputs.most;
    return fmt::format(
        "targets from {} to {} {} the range of the outputs, between {} and {}: {}; choose targets within it "
        "(preprocessing.target_low and target_high, where they are classes), "
        "an "
        "output activation of a wider range such as activation=tanh amplitude=1.7159 steepness=0.6667 or "
        "activation=identity, or loss = cross_entropy",
        targets.least, targets.most, beyond ? "reach beyond" : "lie at the edge of", outputs.least,
        outputs.most, beyond ? "the error cannot vanish" : "weights grow without end to reach them");
}

}  // namespace lockstep
