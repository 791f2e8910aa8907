#include "launcher/score/data_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "launcher/score/sample_reader.h"

namespace lockstep {

namespace {

/// Samples of each class.
std::vector<std::size_t> class_counts(const Dataset& set) {
    constexpr std::size_t kSamples = 256;
    std::vector<std::size_t> counts(set.classes());
    if (counts.empty() || !set.has_targets()) return counts;
    if (const auto summary = set.summary()) return summary->class_counts;
    SampleReader reader(set, std::min(kSamples, set.size()));
    for (std::size_t first = 0; first < set.size(); first += kSamples) {
        const Samples samples = reader.read_run(first, std::min(kSamples, set.size() - first));
        for (const std::int32_t label : samples.targets.labels) ++counts[static_cast<std::size_t>(label)];
    }
    return counts;
}

/// Beyond it inputs are bytes rather than shares of 1.
constexpr float kBeyondShares = 100.0F;

/// The largest magnitude of the inputs as the files have them, or the first beyond kBeyondShares.
float stored_magnitude(const Dataset& set) {
    constexpr std::size_t kSamples = 256;
    const float divisor = set.input_divisor().value_or(1.0F);
    std::vector<std::uint64_t> indices;
    std::vector<float> values;
    float most = 0;
    if (const auto summary = set.summary()) return summary->largest_input;
    const Distortion look = [&](const Matrix& x) {
        for (std::size_t i = 0; i < x.rows; ++i)
            for (const float value : x.row(i)) most = std::max(most, std::abs(value) * divisor);
    };
    for (std::size_t first = 0; first < set.size() && most <= kBeyondShares; first += kSamples) {
        indices.resize(std::min(kSamples, set.size() - first));
        std::iota(indices.begin(), indices.end(), first);
        values.resize(indices.size() * set.input_size());
        set.read_distorted(indices, Matrix(values.data(), indices.size(), set.input_size()), {}, look);
    }
    return most;
}

/// "" unless one set has bytes where the other has shares of 1: the training set's divisor would shrink, or
/// leave too large, the inputs of the test set.
std::string unlike_inputs(const Dataset& train, const Dataset& test) {
    if (!train.input_divisor() || !test.input_divisor() || train.size() == 0 || test.size() == 0) return "";
    const float trained = stored_magnitude(train);
    const float tested = stored_magnitude(test);
    const bool shrunk = trained > kBeyondShares && tested <= 1;
    const bool grown = trained <= 1 && tested > kBeyondShares;
    if (!shrunk && !grown) return "";
    return fmt::format(
        "{}: inputs are {}, but those of the training set {}, and data.scale divides both by the same; store "
        "both alike",
        test.description(), shrunk ? "at most 1" : "above 100", shrunk ? "above 100" : "at most 1");
}

/// "classes 3, 5, 7 and 12 more".
std::string classes_text(const std::vector<std::size_t>& classes) {
    constexpr std::size_t kShown = 6;
    std::string text = classes.size() == 1 ? "class " : "classes ";
    for (std::size_t i = 0; i < std::min(kShown, classes.size()); ++i)
        text += fmt::format("{}{}", i == 0 ? "" : ", ", classes[i]);
    if (classes.size() > kShown) text += fmt::format(" and {} more", classes.size() - kShown);
    return text;
}

/// What was stored as classes 1, 2, 3, … was meant to begin at 0.
bool begin_at_one(const std::vector<std::size_t>& counts) {
    return counts.size() > 2 && counts[0] == 0 && counts[1] > 0 && counts.back() > 0;
}

}  // namespace

std::vector<std::string> data_advice(const DataSets& data) {
    std::vector<std::string> texts = data.remarks;
    const Dataset& train = *data.train;
    if (std::string text = unlike_inputs(train, *data.test); !text.empty()) texts.push_back(std::move(text));
    if (train.classes() == 0) return texts;
    const std::vector<std::size_t> counts = class_counts(train);
    const std::vector<std::size_t> tested = class_counts(*data.test);
    std::vector<std::size_t> missing;
    std::vector<std::size_t> untaught;  // of these, those that the test set has
    for (std::size_t c = 0; c < counts.size(); ++c) {
        if (counts[c] > 0) continue;
        missing.push_back(c);
        if (tested[c] > 0) untaught.push_back(c);
    }
    if (missing.size() + 1 == counts.size()) {
        const auto only = std::ranges::find_if(counts, [](std::size_t count) { return count > 0; });
        texts.push_back(fmt::format(
            "{}: all samples are of class {}, so that there is nothing to tell apart; check the labels",
            train.description(), only - counts.begin()));
    } else if (begin_at_one(counts) && missing.size() == 1) {
        texts.push_back(fmt::format(
            "{}: labels run from 1 to {}, so that class 0 has no sample and its output stays idle; "
            "subtract 1 from each label unless that is meant",
            train.description(), counts.size() - 1));
    } else if (!missing.empty()) {
        texts.push_back(
            fmt::format("{}: {} without a sample, so that the network cannot learn {}; check the "
                        "labels and data.classes",
                        train.description(), classes_text(missing), missing.size() == 1 ? "it" : "them"));
    }
    if (!untaught.empty()) {
        texts.push_back(
            fmt::format("{} has samples of {}, but the training set has none; check that the two "
                        "belong together",
                        data.test->description(), classes_text(untaught)));
    }
    return texts;
}

std::string label_range_advice(const Dataset& set) {
    const std::vector<std::size_t> counts = class_counts(set);
    if (!begin_at_one(counts)) return "";
    return fmt::format("; its labels run from 1 to {}, and class 0 has no sample: classes count from 0",
                       counts.size() - 1);
}

std::string inputs_text(const Dataset& set, const InputScale& scale) {
    std::string text = fmt::format("{} a sample", set.raw_size());
    if (const auto divisor = set.input_divisor())
        text += fmt::format(", {} (data.scale = {})", divisor_text(*divisor), to_string(scale));
    return text;
}

}  // namespace lockstep
