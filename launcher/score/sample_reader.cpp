#include "launcher/score/sample_reader.h"

#include <numeric>

namespace lockstep {

SampleReader::SampleReader(const Dataset& dataset, std::size_t capacity)
    : dataset_(dataset),
      x_(capacity * dataset.input_size()),
      labels_(dataset.classes() > 0 ? capacity : 0),
      values_(capacity * dataset.target_size()),
      run_(capacity) {}

TargetView SampleReader::target_view(std::size_t b) {
    TargetView target;
    if (!dataset_.has_targets()) return target;
    if (dataset_.classes() > 0) {
        target.labels = std::span(labels_).first(b);
    } else {
        target.values = {values_.data(), b, dataset_.target_size()};
    }
    return target;
}

Samples SampleReader::read(std::span<const std::uint64_t> indices) {
    const Matrix x = input_view(indices.size());
    const TargetView target = target_view(indices.size());
    dataset_.read(indices, x, target);
    return {x, {target.labels, target.values}};
}

Samples SampleReader::read_augmented(std::span<const std::uint64_t> indices, const Augmenter& augmenter,
                                     std::size_t epoch) {
    const Matrix x = input_view(indices.size());
    const TargetView target = target_view(indices.size());
    dataset_.read_distorted(indices, x, target,
                            [&](const Matrix& raw) { augmenter.apply(indices, epoch, raw); });
    return {x, {target.labels, target.values}};
}

Samples SampleReader::read_run(std::size_t first, std::size_t count) {
    const auto indices = std::span(run_).first(count);
    std::iota(indices.begin(), indices.end(), std::uint64_t{first});
    return read(indices);
}

}  // namespace lockstep
