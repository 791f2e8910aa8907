// The factory of the data sources.
#include "core/data/open_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/data/files/csv.h"
#include "core/data/files/mnist.h"
#include "core/data/files/table_dataset.h"
#include "core/data/input_remarks.h"
#include "core/data/joined.h"
#include "core/data/subset.h"
#include "core/data/synthetic/alvinn_dataset.h"
#include "core/data/synthetic/letters_dataset.h"
#include "core/data/synthetic/oaks_dataset.h"
#include "core/data/synthetic/sine_dataset.h"
#include "core/data/synthetic/xor_dataset.h"

namespace lockstep {

namespace {

constexpr std::array<std::string_view, 8> kSources = {"mnist", "csv",     "alvinn", "sine",
                                                      "xor",   "letters", "oaks",   "table"};

/// The two disjoint sets of a synthetic source, of the asked sizes or the source's own.
template <class Set>
DataSets synthetic(const DataOptions& options, std::size_t train_samples, std::size_t test_samples) {
    if (options.train_samples > 0) train_samples = options.train_samples;
    if (options.test_samples > 0) test_samples = options.test_samples;
    return {std::make_shared<Set>(SyntheticSet{options.seed, Split::kTrain, train_samples}),
            nullptr,
            std::make_shared<Set>(SyntheticSet{options.seed, Split::kTest, test_samples}),
            {}};
}

DataSets open_xor(const DataOptions& options) {
    if (options.train_samples > 0 || options.test_samples > 0) {
        throw ConfigError(
            "data.train_samples, data.test_samples: xor has 4 samples, no more and no fewer; "
            "leave the keys out");
    }
    const auto set = std::make_shared<XorDataset>();
    return {set, nullptr, set, {}};
}

DataSets open_table(const DataOptions& options) {
    const auto set = std::make_shared<TableDataset>(options.table);
    return {set, nullptr, set, {}};
}

DataSets open_source(const DataOptions& options) {
    if (options.source == "mnist") return open_mnist(options);
    if (options.source == "csv") return open_csv(options);
    if (options.source == "alvinn") return synthetic<AlvinnDataset>(options, 50000, 10000);
    if (options.source == "sine") return synthetic<SineDataset>(options, 1000, 200);
    if (options.source == "table") return open_table(options);
    if (options.source == "oaks") return synthetic<OaksDataset>(options, 1000, 200);
    if (options.source == "letters") return synthetic<LettersDataset>(options, 2000, 1000);
    if (options.source == "xor") return open_xor(options);
    throw ConfigError(fmt::format("data.source: unknown source '{}', expected one of {}", options.source,
                                  joined(std::span<const std::string_view>(kSources))));
}

/// The training set's parts in its place.
DataSets split(const DataSets& sets, const DataOptions& options) {
    constexpr std::array<std::string_view, 3> kNames{"training part", "validation part", "test part"};
    const auto& per_cent = options.split.per_cent;
    if (per_cent.empty()) return sets;
    std::vector<std::shared_ptr<const Dataset>> parts;
    for (auto& indices : split_indices(sets.train->size(), options.split, options.split_seed)) {
        const std::string_view name = kNames[parts.size()];
        if (indices.empty()) {
            throw DataError(fmt::format(
                "data.split = {}: the {} of {} would be empty; choose larger parts, or data.split = "
                "none",
                fmt::join(per_cent, "/"), name, sets.train->description()));
        }
        parts.push_back(std::make_shared<Subset>(sets.train, std::move(indices), std::string(name)));
    }
    return {parts[0], parts[1], parts.size() > 2 ? parts[2] : sets.test, sets.remarks};
}

}  // namespace

std::span<const std::string_view> data_source_names() { return kSources; }

DataSets open_data(const DataOptions& options) {
    DataSets sets = open_source(options);
    std::ranges::copy(input_remarks(*sets.train), std::back_inserter(sets.remarks));
    return split(sets, options);
}

}  // namespace lockstep
