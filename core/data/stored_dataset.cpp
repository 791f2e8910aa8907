// Reading samples out of memory, scaled where they are bytes.
#include "core/data/stored_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "core/base/digest.h"

namespace lockstep {

namespace {

constexpr float kByteScale = 1.0F / 255.0F;

void copy_row(const std::uint8_t* from, std::span<float> to) {
    for (std::size_t c = 0; c < to.size(); ++c) to[c] = static_cast<float>(from[c]) * kByteScale;
}

void copy_row(const float* from, std::span<float> to) { std::copy_n(from, to.size(), to.begin()); }

}  // namespace

StoredDataset::StoredDataset(std::string description, StoredInputs inputs, const Shape& input_shape,
                             std::vector<std::int32_t> labels, std::size_t classes)
    : description_(std::move(description)),
      inputs_(std::move(inputs)),
      input_shape_(input_shape),
      labels_(std::move(labels)),
      classes_(classes) {
    const std::size_t values = std::visit([](const auto& v) { return v.size(); }, inputs_);
    if (input_size() == 0 || classes == 0 || values % input_size() != 0) {
        throw std::invalid_argument("stored data set: no inputs, no classes or half a sample");
    }
    size_ = values / input_size();
    const bool in_range = std::all_of(labels_.begin(), labels_.end(), [&](std::int32_t label) {
        return label >= 0 && static_cast<std::size_t>(label) < classes_;
    });
    if ((!labels_.empty() && labels_.size() != size_) || !in_range) {
        throw std::invalid_argument("stored data set: labels that do not fit its samples or classes");
    }
}

std::string StoredDataset::description() const {
    return fmt::format("{}, {} samples{}", description_, size_, has_targets() ? "" : " without labels");
}

std::string StoredDataset::digest() const {
    DigestBuilder digest;
    digest.update(std::holds_alternative<std::vector<std::uint8_t>>(inputs_) ? "bytes/255 " : "float32 ");
    digest.update(std::uint64_t{size_});
    digest.update(std::uint64_t{input_size()});
    std::visit([&](const auto& values) { digest.update(std::span(values)); }, inputs_);
    digest.update(std::uint64_t{labels_.size()});
    digest.update(std::span(labels_));
    return digest.digest().hex();
}

void StoredDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    std::visit(
        [&](const auto& values) {
            for (std::size_t i = 0; i < indices.size(); ++i)
                copy_row(values.data() + indices[i] * input_size(), x.row(i));
        },
        inputs_);
    for (std::size_t i = 0; i < target.labels.size(); ++i) target.labels[i] = labels_[indices[i]];
}

}  // namespace lockstep
