#include "core/data/input_remarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {

namespace {

// Fewer samples show no pattern.
constexpr std::size_t kFewest_samples = 4;
constexpr std::size_t kBlock_samples = 64;

/// Goes over the samples a block at a time, as long as a remark may still hold.
class Inspection {
  public:
    Inspection(const Dataset& set, std::string_view remedy)
        : set_(set),
          remedy_(remedy),
          divisor_(set.input_divisor().value_or(1.0F)),
          any_equal_(set.classes() > 0),
          equal_(set.input_size(), true) {}

    std::vector<std::string> run() {
        for (std::size_t first = 0; first < set_.size() && undecided(); first += kBlock_samples) {
            const std::size_t count = std::min(kBlock_samples, set_.size() - first);
            std::vector<std::uint64_t> indices(count);
            std::iota(indices.begin(), indices.end(), first);
            std::vector<float> x(count * set_.input_size());
            std::vector<std::int32_t> labels(count);
            const TargetView target{set_.classes() > 0 ? std::span(labels) : std::span<std::int32_t>(), {}};
            set_.read(indices, Matrix(x.data(), count, set_.input_size()), target);
            for (std::size_t i = 0; i < count; ++i)
                add(first + i, std::span(x).subspan(i * set_.input_size(), set_.input_size()), labels[i]);
        }
        return remarks();
    }

  private:
    [[nodiscard]] bool undecided() const { return counts_ || any_equal_ || tiny_; }

    /// The value as it stands in the file, where that is a whole number.
    [[nodiscard]] float stored(float input) const { return std::round(input * divisor_); }

    void add(std::size_t sample, std::span<const float> inputs, std::int32_t label) {
        if (sample == 0) {
            start_ = stored(inputs[0]);
            label_ = label;
        }
        const float number = start_ + static_cast<float>(sample);
        counts_ = counts_ && std::abs(inputs[0] * divisor_ - number) < 1e-3F && (start_ == 0 || start_ == 1);
        labels_differ_ = labels_differ_ || label != label_;
        if (any_equal_) {
            any_equal_ = false;
            for (std::size_t c = 0; c < inputs.size(); ++c) {
                equal_[c] = equal_[c] && std::abs(inputs[c] * divisor_ - static_cast<float>(label)) < 1e-3F;
                any_equal_ = any_equal_ || equal_[c];
            }
        }
        tiny_ = tiny_ && std::ranges::all_of(inputs, [&](float input) { return input * divisor_ < 1.5F; });
    }

    [[nodiscard]] std::vector<std::string> remarks() const {
        std::vector<std::string> texts;
        if (set_.size() < kFewest_samples) return texts;
        const std::string name = set_.description();
        if (counts_ && set_.input_size() > 1) {
            texts.push_back(fmt::format(
                "{}: the first input counts the samples ({:.0f}, {:.0f}, {:.0f}, …), as a line number or an "
                "index does, and the network would learn from it; {} unless it is meant",
                name, start_, start_ + 1, start_ + 2, remedy_));
        }
        if (any_equal_ && labels_differ_) {
            texts.push_back(
                fmt::format("{}: input {} of every sample is its class, so that the answer is among "
                            "the inputs; remove that column unless it is meant",
                            name, std::ranges::find(equal_, true) - equal_.begin() + 1));
        }
        if (tiny_) {
            texts.push_back(fmt::format(
                "{}: no input is above 1 before it is divided by {}, so that all become tiny; set "
                "data.scale = none unless that is meant",
                name, divisor_));
        }
        return texts;
    }

    const Dataset& set_;
    std::string_view remedy_;
    float divisor_;
    float start_ = 0.0F;
    std::int32_t label_ = 0;
    bool labels_differ_ = false;
    bool counts_ = true;
    bool any_equal_;
    std::vector<bool> equal_;
    bool tiny_ = divisor_ > 1.0F;
};

}  // namespace

std::vector<std::string> input_remarks(const Dataset& training, std::string_view remedy) {
    if (!training.input_divisor() || !training.has_targets()) return {};
    return Inspection(training, remedy).run();
}

}  // namespace lockstep
