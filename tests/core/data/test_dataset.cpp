// What a data set of a program's own gets from its base.
#include "core/data/dataset.h"

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

/// Two inputs a sample, and a class or two real targets.
class Small final : public Dataset {
  public:
    Small(std::size_t classes, float last) : classes_(classes), last_(last) {}
    [[nodiscard]] std::size_t size() const override { return 3; }
    [[nodiscard]] Shape input_shape() const override { return 2; }
    [[nodiscard]] std::size_t classes() const override { return classes_; }
    [[nodiscard]] std::size_t target_size() const override { return classes_ > 0 ? 0 : 2; }
    [[nodiscard]] std::string description() const override { return "small"; }
    void read(std::span<const std::uint64_t> indices, Matrix x, TargetView target) const override {
        check_read(indices, x, target);
        for (std::size_t r = 0; r < indices.size(); ++r) {
            x(r, 0) = static_cast<float>(indices[r]);
            x(r, 1) = 1.0F;
            if (classes_ > 0) target.labels[r] = indices[r] == 2 ? static_cast<int>(last_) : 0;
            for (std::size_t c = 0; c < target_size(); ++c)
                target.values(r, c) = indices[r] == 2 ? last_ : 0.0F;
        }
    }

  private:
    std::size_t classes_;
    float last_;
};

}  // namespace

TEST_CASE("dataset: a set that does not say its digest has that of all its samples and targets") {
    for (const std::size_t classes : {std::size_t{0}, std::size_t{4}}) {
        const std::string digest = Small(classes, 1.0F).digest();
        CHECK(digest.size() == 32);
        CHECK(Small(classes, 1.0F).digest() == digest);
        CHECK(Small(classes, 2.0F).digest() != digest);
    }
}
