#include "launcher/sample_reader.h"

#include <numeric>

namespace lockstep {

SampleReader::SampleReader(const Dataset& dataset, std::size_t capacity)
    : dataset_(dataset),
      x_(capacity * dataset.input_size()),
      labels_(dataset.classes() > 0 ? capacity : 0),
      values_(capacity * dataset.target_size()),
      run_(capacity) {}

Samples SampleReader::read(std::span<const std::uint64_t> indices) {
    const std::size_t b = indices.size();
    const Matrix x(x_.data(), b, dataset_.input_size());
    TargetView target;
    if (dataset_.has_targets()) {
        if (dataset_.classes() > 0) {
            target.labels = std::span(labels_).first(b);
        } else {
            target.values = {values_.data(), b, dataset_.target_size()};
        }
    }
    dataset_.read(indices, x, target);
    return {x, {target.labels, target.values}};
}

void SampleReader::augment(const Augmenter& augmenter, std::span<const std::uint64_t> indices,
                           std::size_t epoch) {
    augmenter.apply(indices, epoch, {x_.data(), indices.size(), dataset_.input_size()});
}

Samples SampleReader::read_run(std::size_t first, std::size_t count) {
    const auto indices = std::span(run_).first(count);
    std::iota(indices.begin(), indices.end(), std::uint64_t{first});
    return read(indices);
}

}  // namespace lockstep
