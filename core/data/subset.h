// Some samples of another set: a view by indices, which copies nothing.
#pragma once

#include <memory>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

class Subset final : public Dataset {
  public:
    /// Sample i is sample indices[i] of `whole`; an index may come several times. `name` says in descriptions
    /// which part it is: "training part". Requires indices below whole->size().
    Subset(std::shared_ptr<const Dataset> whole, std::vector<std::uint64_t> indices, std::string name);

    [[nodiscard]] std::size_t size() const override { return indices_.size(); }
    [[nodiscard]] Shape input_shape() const override { return whole_->input_shape(); }
    [[nodiscard]] std::size_t classes() const override { return whole_->classes(); }
    [[nodiscard]] std::size_t target_size() const override { return whole_->target_size(); }
    [[nodiscard]] bool has_targets() const override { return whole_->has_targets(); }
    [[nodiscard]] std::string description() const override;
    /// Of the whole set's digest and the indices.
    [[nodiscard]] std::string digest() const override;
    [[nodiscard]] std::optional<float> input_divisor() const override { return whole_->input_divisor(); }
    [[nodiscard]] std::shared_ptr<const Dataset> divided_by(float divisor) const override;
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override;
    void expect(std::span<const std::uint64_t> indices) const override;
    [[nodiscard]] std::size_t expected_sample_bytes() const override {
        return whole_->expected_sample_bytes();
    }
    [[nodiscard]] std::optional<DatasetSummary> summary() const override { return whole_->summary(); }

    [[nodiscard]] const std::vector<std::uint64_t>& indices() const { return indices_; }

  private:
    [[nodiscard]] std::vector<std::uint64_t> of_whole(std::span<const std::uint64_t> indices) const;

    std::shared_ptr<const Dataset> whole_;
    std::vector<std::uint64_t> indices_;
    std::string name_;
};

}  // namespace lockstep
