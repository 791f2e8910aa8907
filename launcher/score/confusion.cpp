#include "launcher/score/confusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/base/error.h"
#include "core/data/open_data.h"
#include "launcher/score/forward_run.h"

namespace lockstep {

namespace {

std::optional<double> share(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Confusion::Confusion(std::size_t classes) : classes_(classes) {
    if (classes > kMostClasses) {
        throw ConfigError(fmt::format(
            "{} classes are too many to be compared with each other; at most {} are", classes, kMostClasses));
    }
    counts_.resize(classes * classes);
}

void Confusion::add(std::uint64_t first, ConstMatrix outputs, std::span<const std::int32_t> labels,
                    const Objective& objective) {
    const bool one_for_two = outputs.cols == 1 && classes_ == 2;
    if (outputs.cols != classes_ && !one_for_two) {
        throw ConfigError(
            fmt::format("the network has {} outputs, but the data {} classes; give it data of its own",
                        outputs.cols, classes_));
    }
    for (std::size_t r = 0; r < outputs.rows; ++r) {
        const std::span<const float> row = outputs.row(r);
        const std::size_t predicted = objective.predicted_class(row);
        const auto label = static_cast<std::size_t>(labels[r]);
        ++counts_[label * classes_ + predicted];
        if (label == predicted) continue;
        // What a single output leaves of both targets together stands for class 0.
        const auto output_of = [&](std::size_t c) {
            if (!one_for_two) return row[c];
            return c == 1 ? row[0] : objective.target_of_class(0) + objective.target_of_class(1) - row[0];
        };
        wrong_.push_back({first + r, labels[r], static_cast<std::int32_t>(predicted), output_of(label),
                          output_of(predicted)});
    }
}

void Confusion::add_over_ranks(const Communicator& comm) {
    Requests requests(comm.handle());
    comm.start_reduce_sum(std::span(counts_), requests);
    requests.wait_all();
    std::string own(wrong_.size() * sizeof(WrongAnswer), '\0');
    if (!own.empty()) std::memcpy(own.data(), wrong_.data(), own.size());
    wrong_.clear();
    for (const std::string& of_rank : comm.allgather(own)) {
        const std::size_t before = wrong_.size();
        wrong_.resize(before + of_rank.size() / sizeof(WrongAnswer));
        if (!of_rank.empty()) std::memcpy(wrong_.data() + before, of_rank.data(), of_rank.size());
    }
}

std::uint64_t Confusion::samples() const {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::uint64_t Confusion::samples_of(std::size_t label) const {
    std::uint64_t sum = 0;
    for (std::size_t c = 0; c < classes_; ++c) sum += count(label, c);
    return sum;
}

std::uint64_t Confusion::predictions_of(std::size_t predicted) const {
    std::uint64_t sum = 0;
    for (std::size_t c = 0; c < classes_; ++c) sum += count(c, predicted);
    return sum;
}

double Confusion::accuracy() const {
    std::uint64_t right = 0;
    for (std::size_t c = 0; c < classes_; ++c) right += count(c, c);
    return static_cast<double>(right) / static_cast<double>(samples());
}

std::optional<double> Confusion::precision(std::size_t c) const {
    return share(count(c, c), predictions_of(c));
}

std::optional<double> Confusion::recall(std::size_t c) const { return share(count(c, c), samples_of(c)); }

std::vector<WrongAnswer> Confusion::worst_first() const {
    std::vector<WrongAnswer> wrong = wrong_;
    // NaN has no place in an order: a network of NaN is sure of nothing.
    const auto key = [](const WrongAnswer& answer) {
        return std::isnan(answer.margin()) ? 0.0F : answer.margin();
    };
    std::ranges::sort(wrong, [&](const WrongAnswer& a, const WrongAnswer& b) {
        return key(a) != key(b) ? key(a) > key(b) : a.sample < b.sample;
    });
    return wrong;
}

Confusion count_confusion(const Network& network, std::span<const float> parameters, const Dataset& set,
                          std::size_t first, std::size_t count) {
    Confusion confusion(set.classes());
    WholeArena arena(network.layout(), parameters);
    forward_run(network, arena, set, first, count,
                [&](std::size_t done, const Samples& samples, Matrix outputs, Workspace& work) {
                    network.objective().finish_outputs(outputs, work.scratch());
                    confusion.add(first + done, outputs, samples.targets.labels, network.objective());
                });
    return confusion;
}

nlohmann::json to_json(const Confusion& confusion, std::span<const std::string> names) {
    nlohmann::json json{{"accuracy", confusion.accuracy()}, {"classes", names}};
    const auto number = [](std::optional<double> value) {
        return value ? nlohmann::json(*value) : nlohmann::json();
    };
    for (std::size_t c = 0; c < confusion.classes(); ++c) {
        nlohmann::json row = nlohmann::json::array();
        for (std::size_t p = 0; p < confusion.classes(); ++p) row.push_back(confusion.count(c, p));
        json["matrix"].push_back(std::move(row));
        json["precision"].push_back(number(confusion.precision(c)));
        json["recall"].push_back(number(confusion.recall(c)));
    }
    return json;
}

std::vector<std::string> class_names(std::string_view source, std::size_t classes) {
    const DataSource* known_source = find_data_source(source);
    const std::span<const std::string_view> known =
        known_source == nullptr ? std::span<const std::string_view>() : known_source->class_names;
    std::vector<std::string> names;
    for (std::size_t c = 0; c < classes; ++c)
        names.push_back(c < known.size() ? std::string(known[c]) : fmt::format("{}", c));
    return names;
}

}  // namespace lockstep
