// Reading samples out of memory, scaled.
#include "core/data/stored_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "core/base/digest.h"

namespace lockstep {

namespace {

void copy_row(const std::uint8_t* from, float factor, std::span<float> to) {
    for (std::size_t c = 0; c < to.size(); ++c) to[c] = static_cast<float>(from[c]) * factor;
}

void copy_row(const float* from, float factor, std::span<float> to) {
    if (factor == 1.0F) {
        std::copy_n(from, to.size(), to.begin());
    } else {
        std::transform(from, from + to.size(), to.begin(), [&](float value) { return value * factor; });
    }
}

}  // namespace

void keep_first(StoredInputs& inputs, StoredTargets& targets, std::size_t samples, std::size_t width) {
    std::visit([&](auto& values) { values.resize(samples * width); }, inputs);
    targets.labels.resize(std::min(samples, targets.labels.size()));
    targets.values.resize(std::min(samples * targets.width, targets.values.size()));
}

bool is_byte(float value) {
    return value >= 0.0F && value <= 255.0F && value == std::floor(value) && !std::signbit(value);
}

StoredDataset::StoredDataset(std::string description, StoredInputs inputs, const Shape& input_shape,
                             StoredTargets targets, float divisor)
    : StoredDataset(std::move(description),
                    std::make_shared<const Content>(Content{std::move(inputs), std::move(targets)}),
                    input_shape, divisor) {}

StoredDataset::StoredDataset(std::string description, std::shared_ptr<const Content> content,
                             const Shape& input_shape, float divisor)
    : description_(std::move(description)),
      content_(std::move(content)),
      input_shape_(input_shape),
      divisor_(divisor) {
    const std::size_t values = std::visit([](const auto& v) { return v.size(); }, content_->inputs);
    const StoredTargets& targets = content_->targets;
    if (input_size() == 0 || (targets.classes == 0) == (targets.width == 0) || values % input_size() != 0 ||
        !(divisor > 0.0F)) {
        throw std::invalid_argument("stored data set: no inputs, no targets, half a sample or no divisor");
    }
    size_ = values / input_size();
    const std::vector<std::int32_t>& labels = targets.labels;
    const bool in_range = std::all_of(labels.begin(), labels.end(), [&](std::int32_t label) {
        return label >= 0 && static_cast<std::size_t>(label) < targets.classes;
    });
    if ((!labels.empty() && labels.size() != size_) || !in_range ||
        (!targets.values.empty() && targets.values.size() != size_ * targets.width)) {
        throw std::invalid_argument("stored data set: targets that do not fit its samples or classes");
    }
}

std::string StoredDataset::description() const {
    const char* const targets_missing = classes() > 0 ? " without labels" : " without targets";
    return fmt::format("{}, {} samples{}", description_, size_, has_targets() ? "" : targets_missing);
}

std::string StoredDataset::digest() const {
    std::call_once(digest_flag_, [&] { digest_ = computed_digest(); });
    return digest_;
}

std::string StoredDataset::computed_digest() const {
    const bool bytes = std::holds_alternative<std::vector<std::uint8_t>>(content_->inputs);
    DigestBuilder digest;
    digest.update(fmt::format("{}{} ", bytes ? "bytes" : "float32",
                              divisor_ == 1.0F ? "" : fmt::format("/{}", divisor_)));
    digest.update(std::uint64_t{size_});
    digest.update(std::uint64_t{input_size()});
    std::visit([&](const auto& values) { digest.update(std::span(values)); }, content_->inputs);
    digest.update(std::uint64_t{content_->targets.labels.size()});
    digest.update(std::span(content_->targets.labels));
    if (content_->targets.width > 0) {
        digest.update("values ").update(std::uint64_t{content_->targets.width});
        digest.update(std::span(content_->targets.values));
    }
    return digest.digest().hex();
}

std::shared_ptr<const Dataset> StoredDataset::divided_by(float divisor) const {
    return std::shared_ptr<const Dataset>(new StoredDataset(description_, content_, input_shape_, divisor));
}

void StoredDataset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    const float factor = 1.0F / divisor_;
    std::visit(
        [&](const auto& values) {
            for (std::size_t i = 0; i < indices.size(); ++i)
                copy_row(values.data() + indices[i] * input_size(), factor, x.row(i));
        },
        content_->inputs);
    const StoredTargets& targets = content_->targets;
    for (std::size_t i = 0; i < target.labels.size(); ++i) target.labels[i] = targets.labels[indices[i]];
    for (std::size_t i = 0; i < target.values.rows; ++i)
        copy_row(targets.values.data() + indices[i] * targets.width, 1.0F, target.values.row(i));
}

}  // namespace lockstep
