// Reads samples of a data set into memory that is kept from one batch to the next.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/buffer.h"
#include "core/data/augmentation.h"
#include "core/data/dataset.h"
#include "core/network/learner.h"

namespace lockstep {

/// What it returns are views that the next read overwrites.
class SampleReader {
  public:
    /// For up to `capacity` samples of `dataset`, which must outlive the reader.
    SampleReader(const Dataset& dataset, std::size_t capacity);

    /// The samples' inputs, and their targets where the set has any.
    Samples read(std::span<const std::uint64_t> indices);
    /// The same for the samples first, first + 1, …
    Samples read_run(std::size_t first, std::size_t count);

    /// The same for samples that `augmenter` distorts as in that epoch.
    Samples read_augmented(std::span<const std::uint64_t> indices, const Augmenter& augmenter,
                           std::size_t epoch);

  private:
    /// Where the targets of b samples go.
    [[nodiscard]] TargetView target_view(std::size_t b);
    [[nodiscard]] Matrix input_view(std::size_t b) { return {x_.data(), b, dataset_.input_size()}; }

    const Dataset& dataset_;
    Buffer<float> x_;
    std::vector<std::int32_t> labels_;
    Buffer<float> values_;
    std::vector<std::uint64_t> run_;  // indices of read_run
};

}  // namespace lockstep
