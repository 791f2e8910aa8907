#include "core/data/resampling.h"

#include <algorithm>
#include <iterator>

#include "core/data/permutation.h"

namespace lockstep {

std::vector<Resample> cross_validation(std::size_t count, std::size_t folds, std::uint64_t seed) {
    const std::vector<std::uint64_t> order = permutation(count, RandomStream(seed, RandomPurpose::kFolds), 0);
    std::vector<std::size_t> fold_of(count);
    for (std::size_t place = 0; place < count; ++place) fold_of[order[place]] = place % folds;
    std::vector<Resample> draws(folds);
    for (std::size_t f = 0; f < folds; ++f) {
        for (std::uint64_t sample = 0; sample < count; ++sample) {
            (fold_of[sample] == f ? draws[f].validation : draws[f].training).push_back(sample);
        }
    }
    return draws;
}

Resample bootstrap(std::size_t count, std::uint64_t seed, std::uint32_t number) {
    const RandomStream random(seed, RandomPurpose::kBootstrap);
    std::vector<std::size_t> times(count);
    for (std::uint64_t draw = 0; draw < count; ++draw) ++times[draw_below(count, random.block(draw, number))];
    Resample resample;
    for (std::uint64_t sample = 0; sample < count; ++sample) {
        if (times[sample] == 0) resample.validation.push_back(sample);
        std::fill_n(std::back_inserter(resample.training), times[sample], sample);
    }
    return resample;
}

}  // namespace lockstep
