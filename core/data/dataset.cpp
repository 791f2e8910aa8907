// What data sources have in common: the checks before they write samples.
#include "core/data/dataset.h"

#include <fmt/format.h>

#include <stdexcept>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace lockstep {

std::shared_ptr<const Dataset> Dataset::divided_by(float divisor) const {
    throw std::logic_error(fmt::format("{}: has no stored inputs to divide by {}", description(), divisor));
}

std::string Dataset::digest() const {
    std::vector<float> x(input_size());
    std::vector<float> values(has_targets() ? target_size() : 0);
    std::vector<std::int32_t> label(has_targets() && classes() > 0 ? 1 : 0);
    DigestBuilder digest;
    for (std::uint64_t i = 0; i < size(); ++i) {
        read({&i, 1}, {x.data(), 1, x.size()},
             {label, {values.data(), values.empty() ? 0U : 1U, values.size()}});
        digest.update(std::span<const float>(x)).update(std::span<const float>(values));
        digest.update(std::span<const std::int32_t>(label));
    }
    return digest.digest().hex();
}

void Dataset::check_read(std::span<const std::uint64_t> indices, const Matrix& x,
                         const TargetView& target) const {
    const std::size_t b = indices.size();
    if (x.rows != b || x.cols != input_size()) {
        throw std::invalid_argument(fmt::format("read of {} samples of {} inputs into a ({}, {}) matrix", b,
                                                input_size(), x.rows, x.cols));
    }
    for (const std::uint64_t index : indices) {
        if (index >= size()) {
            throw std::out_of_range(fmt::format("sample {} of {}: it has {}", index, description(), size()));
        }
    }
    if (target.empty()) return;
    if (!has_targets()) {
        throw DataError(fmt::format(
            "{}: has no labels, but this needs them; name their file in data.test_labels", description()));
    }
    const bool fits = classes() > 0 ? target.labels.size() == b
                                    : target.values.rows == b && target.values.cols == target_size();
    if (!fits) {
        throw std::invalid_argument(fmt::format(
            "read of {} targets ({} classes, {} values) into {} labels and ({}, {}) values", b, classes(),
            target_size(), target.labels.size(), target.values.rows, target.values.cols));
    }
}

}  // namespace lockstep
