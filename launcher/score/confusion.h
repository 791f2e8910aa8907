// Which classes a network takes for which: counted over a set, with the samples that it takes wrongly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/base/matrix.h"
#include "core/data/dataset.h"
#include "core/network/network.h"

namespace lockstep {

/// A sample that is taken for another class than its own.
struct WrongAnswer {
    std::uint64_t sample = 0;  ///< its number in the set, from 0
    std::int32_t label = 0;
    std::int32_t predicted = 0;
    float of_label = 0.0F;      ///< the label's output
    float of_predicted = 0.0F;  ///< the largest output
    /// How sure the network is of the wrong class.
    [[nodiscard]] float margin() const { return of_predicted - of_label; }
    bool operator==(const WrongAnswer&) const = default;
};

/// The prediction is the class of the largest output, the first of equals, as `predict` has it.
class Confusion {
  public:
    /// More would need gigabytes.
    static constexpr std::size_t kMostClasses = 4096;

    /// Throws ConfigError beyond kMostClasses. Requires at least one class.
    explicit Confusion(std::size_t classes);

    /// Counts the samples first, first + 1, … of the set in. Shapes: outputs (b, classes), or (b, 1) for
    /// two classes, as finish_outputs leaves them; labels (b). Throws ConfigError for another number of
    /// outputs.
    void add(std::uint64_t first, ConstMatrix outputs, std::span<const std::int32_t> labels,
             const Objective& objective);
    /// Counts of all ranks on every one of them: whole numbers, so the same on any number of ranks.
    /// Collective.
    void add_over_ranks(const Communicator& comm);

    [[nodiscard]] std::size_t classes() const { return classes_; }
    /// Samples of the class `label` that are taken for `predicted`.
    [[nodiscard]] std::uint64_t count(std::size_t label, std::size_t predicted) const {
        return counts_[label * classes_ + predicted];
    }
    [[nodiscard]] std::uint64_t samples() const;
    [[nodiscard]] std::uint64_t samples_of(std::size_t label) const;
    [[nodiscard]] std::uint64_t predictions_of(std::size_t predicted) const;
    /// The share of samples that are taken for what they are. Requires a sample.
    [[nodiscard]] double accuracy() const;
    /// Of what is taken for the class, the share that is of it; nothing where nothing is taken for it.
    [[nodiscard]] std::optional<double> precision(std::size_t c) const;
    /// Of the class's samples, the share that is taken for it; nothing where it has none.
    [[nodiscard]] std::optional<double> recall(std::size_t c) const;
    /// Those that were taken wrongly, the largest margin first, of equal ones the lower number.
    [[nodiscard]] std::vector<WrongAnswer> worst_first() const;

  private:
    std::size_t classes_;
    std::vector<std::uint64_t> counts_;  // (classes, classes): rows are labels, columns predictions
    std::vector<WrongAnswer> wrong_;
};

/// Forwards the samples first, …, first + count - 1 of a set with classes and counts them. Not collective.
Confusion count_confusion(const Network& network, std::span<const float> parameters, const Dataset& set,
                          std::size_t first, std::size_t count);

/// {"accuracy", "classes": [names], "matrix": [[counts of a label]], "precision": […], "recall": […]}, with
/// null for a share of nothing.
nlohmann::json to_json(const Confusion& confusion, std::span<const std::string> names);

/// What the classes of a source are called, else their numbers from 0. Shape: result (classes).
std::vector<std::string> class_names(std::string_view source, std::size_t classes);

}  // namespace lockstep
