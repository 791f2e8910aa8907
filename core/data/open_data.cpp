// The table of the data sources.
#include "core/data/open_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/data/input_remarks.h"
#include "core/data/joined.h"
#include "core/data/subset.h"

namespace lockstep {

extern const DataSource kAlvinnSource;
extern const DataSource kCsvSource;
extern const DataSource kFashionMnistSource;
extern const DataSource kHdf5Source;
extern const DataSource kLettersSource;
extern const DataSource kMnistSource;
extern const DataSource kNpzSource;
extern const DataSource kOaksSource;
extern const DataSource kRawSource;
extern const DataSource kSineSource;
extern const DataSource kTableSource;
extern const DataSource kXorSource;

namespace {

constexpr std::array kSources{&kMnistSource, &kFashionMnistSource, &kCsvSource,    &kNpzSource,
                              &kHdf5Source,  &kRawSource,          &kAlvinnSource, &kSineSource,
                              &kXorSource,   &kLettersSource,      &kOaksSource,   &kTableSource};

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

std::span<const DataSource* const> data_sources() { return kSources; }

const DataSource* find_data_source(std::string_view name) {
    const auto found = std::ranges::find(kSources, name, &DataSource::name);
    return found == kSources.end() ? nullptr : *found;
}

std::span<const std::string_view> data_source_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const DataSource* source : kSources) all.push_back(source->name);
        return all;
    }();
    return names;
}

std::vector<std::string_view> data_sources_reading(std::string_view key) {
    std::vector<std::string_view> names;
    for (const DataSource* source : kSources) {
        if (std::ranges::find(source->keys, key) != source->keys.end()) names.push_back(source->name);
    }
    return names;
}

bool source_reads(std::string_view source, std::string_view key) {
    const DataSource* found = find_data_source(source);
    return found != nullptr && std::ranges::find(found->keys, key) != found->keys.end();
}

bool is_key_of_others(std::string_view source, std::string_view key) {
    return !source_reads(source, key) && !data_sources_reading(key).empty();
}

DataSets open_uncut_data(const DataOptions& options) {
    if (const DataSource* source = find_data_source(options.source)) return source->open(options);
    throw ConfigError(fmt::format("data.source: unknown source '{}', expected one of {}", options.source,
                                  joined(data_source_names())));
}

DataSets open_data(const DataOptions& options) {
    DataSets sets = open_uncut_data(options);
    const bool by_key = source_reads(options.source, "index_column") && options.index_column.empty();
    const std::string_view remedy = by_key ? "set data.index_column = 1" : "remove that column";
    std::ranges::copy(input_remarks(*sets.train, remedy), std::back_inserter(sets.remarks));
    return split(sets, options);
}

}  // namespace lockstep
