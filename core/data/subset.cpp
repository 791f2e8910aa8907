#include "core/data/subset.h"

#include <fmt/format.h>

#include <utility>

#include "core/base/digest.h"

namespace lockstep {

Subset::Subset(std::shared_ptr<const Dataset> whole, std::vector<std::uint64_t> indices, std::string name)
    : whole_(std::move(whole)), indices_(std::move(indices)), name_(std::move(name)) {}

std::string Subset::description() const {
    return fmt::format("{} of {} samples of {}", name_, size(), whole_->description());
}

std::string Subset::digest() const {
    DigestBuilder digest;
    digest.update("lockstep subset 1");
    digest.update(whole_->digest());
    digest.update(std::span<const std::uint64_t>(indices_));
    return digest.digest().hex();
}

std::shared_ptr<const Dataset> Subset::divided_by(float divisor) const {
    return std::make_shared<Subset>(whole_->divided_by(divisor), indices_, name_);
}

void Subset::read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const {
    check_read(indices, x, target);
    whole_->read(of_whole(indices), x, target);
}

void Subset::expect(std::span<const std::uint64_t> indices) const { whole_->expect(of_whole(indices)); }

std::vector<std::uint64_t> Subset::of_whole(std::span<const std::uint64_t> indices) const {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(indices.size());
    for (const std::uint64_t index : indices) numbers.push_back(indices_[index]);
    return numbers;
}

}  // namespace lockstep
