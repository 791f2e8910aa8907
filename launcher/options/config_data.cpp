// [data], [augmentation] and [preprocessing].
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "launcher/options/config_sections.h"
#include "launcher/options/options_table.h"

namespace lockstep {

namespace {

/// "mnist, csv or letters".
std::string either(const std::vector<std::string_view>& words) {
    if (words.size() < 2) return fmt::format("{}", fmt::join(words, ""));
    const std::span<const std::string_view> but_last(words.data(), words.size() - 1);
    return fmt::format("{} or {}", fmt::join(but_last, ", "), words.back());
}

void check_keys(const ResolvedOptions& options) {
    const DataSource& source = *find_data_source(options.text("data.source"));
    for (const ResolvedOption& option : options.all()) {
        const std::string_view key = option.key;
        if (!key.starts_with("data.") || !options.given(key)) continue;
        if (!is_key_of_others(source.name, key.substr(5))) continue;
        // A variable may be set once for all configurations, whether or not this one reads it.
        if (option.values.front().origin.starts_with("variable ")) continue;
        throw UnreadKey(options, key, {"data.source"},
                        fmt::format("belongs to data.source = {}, but {} is chosen; remove the key",
                                    either(data_sources_reading(key.substr(5))), source.name));
    }
    if (source.needs.empty()) return;
    const std::string needed = fmt::format("data.{}", source.needs);
    if (options.text(needed).empty()) {
        throw ConfigError(fmt::format("data.source = {} needs {}; set {}, --{} or {}", source.name,
                                      source.needed_for, needed, needed, variable_name(needed)));
    }
}

SplitShares read_split(const ResolvedOptions& options) {
    const auto split = parse_split(options.text("data.split"));
    if (!split) {
        throw ConfigError(fmt::format(
            "{}: must be none, or two or three whole numbers above 0 that add up to 100, as in 80/20 "
            "(training, validation) or 60/20/20 (training, validation, test)",
            options.place("data.split")));
    }
    refuse_without(options, "data.split_seed", !split->per_cent.empty(), "data.split", {"data.split"});
    return *split;
}

InputScale read_scale(const ResolvedOptions& options) {
    const auto scale = parse_input_scale(options.text("data.scale"));
    if (scale) return *scale;
    throw ConfigError(
        fmt::format("{}: must be auto, none, or the number above 0 by which inputs are divided, as in 255",
                    options.place("data.scale")));
}

/// "price, area" as its words.
std::vector<std::string> read_target_columns(const ResolvedOptions& options, TargetKind kind) {
    const std::string& text = options.text("data.target_columns");
    std::vector<std::string> columns;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
        const std::size_t first = word.find_first_not_of(' ');
        if (first == std::string::npos) {
            throw ConfigError(fmt::format("{}: must be names or numbers of columns, separated by commas",
                                          options.place("data.target_columns")));
        }
        columns.push_back(word.substr(first, word.find_last_not_of(' ') - first + 1));
    }
    if (columns.empty()) return columns;
    for (const char* key : {"data.train_labels", "data.test_labels"}) {
        if (!options.given(key)) continue;
        throw ConfigError(fmt::format(
            "{}: targets stand in data.target_columns already; remove one of the keys", options.place(key)));
    }
    if (columns.size() > 1 && kind != TargetKind::kValues) {
        throw ConfigError(fmt::format("{}: names {} columns, but a class is one; set data.targets = values",
                                      options.place("data.target_columns"), columns.size()));
    }
    return columns;
}

}  // namespace

DataOptions read_data(const ResolvedOptions& options) {
    check_keys(options);
    const auto targets = value_named<TargetKind>(options.text("data.targets"));
    if (targets == TargetKind::kValues && options.given("data.classes")) {
        throw ConfigError(fmt::format("{}: has no effect with data.targets = values; remove the key",
                                      options.place("data.classes")));
    }
    return {.source = options.text("data.source"),
            .dir = options.text("data.dir"),
            .dir_of_all = options.at("data.dir").values.front().origin.starts_with("variable "),
            .prefix = options.text("data.prefix"),
            .scale = read_scale(options),
            .train_vectors = options.text("data.train_vectors"),
            .train_labels = options.text("data.train_labels"),
            .test_vectors = options.text("data.test_vectors"),
            .test_labels = options.text("data.test_labels"),
            .targets = targets,
            .header = value_named<CsvHeading>(options.text("data.header")),
            .index_column = options.text("data.index_column"),
            .target_columns = read_target_columns(options, targets),
            .file = options.text("data.file"),
            .test_file = options.text("data.test_file"),
            .train_inputs = options.text("data.train_inputs"),
            .train_targets = options.text("data.train_targets"),
            .test_inputs = options.text("data.test_inputs"),
            .test_targets = options.text("data.test_targets"),
            .prefetch = count(options, "data.prefetch"),
            .table = options.text("data.table"),
            .test_table = options.text("data.test_table"),
            .classes = count(options, "data.classes"),
            .train_samples = count(options, "data.train_samples"),
            .test_samples = count(options, "data.test_samples"),
            .seed = number<std::uint64_t>(options, "data.seed"),
            .split = read_split(options),
            .split_seed = number<std::uint64_t>(options, "data.split_seed")};
}

AugmentationOptions read_augmentation(const ResolvedOptions& options) {
    const AugmentationOptions augmentation{
        .width = count(options, "augmentation.width"),
        .shift = number<float>(options, "augmentation.shift"),
        .rotation = number<float>(options, "augmentation.rotation"),
        .scaling = number<float>(options, "augmentation.scaling"),
        .elastic_alpha = number<float>(options, "augmentation.elastic_alpha"),
        .elastic_sigma = number<float>(options, "augmentation.elastic_sigma")};
    refuse_without(options, "augmentation.elastic_sigma", augmentation.elastic_alpha != 0.0F,
                   "augmentation.elastic_alpha", {"augmentation.elastic_alpha"});
    refuse_without(options, "augmentation.width", augmentation.any(),
                   "a distortion such as augmentation.shift",
                   {"augmentation.shift", "augmentation.rotation", "augmentation.scaling",
                    "augmentation.elastic_alpha"});
    return augmentation;
}

PreprocessingOptions read_preprocessing(const ResolvedOptions& options) {
    const auto which = std::ranges::find(input_scaling_names(), options.text("preprocessing.inputs"));
    const PreprocessingOptions preprocessing{
        .inputs = static_cast<InputScaling>(which - input_scaling_names().begin()),
        .components = count(options, "preprocessing.components")};
    const bool rotates =
        preprocessing.inputs == InputScaling::kPca || preprocessing.inputs == InputScaling::kWhiten;
    if (options.given("preprocessing.components") && !rotates) {
        throw UnreadKey(
            options, "preprocessing.components", {"preprocessing.inputs"},
            fmt::format("belongs to preprocessing.inputs = pca or whiten, but {} is chosen; remove the "
                        "key, or choose one of these",
                        options.text("preprocessing.inputs")));
    }
    return preprocessing;
}

}  // namespace lockstep
