// Finding the four CSV files and making data sets of them.
#include "core/data/files/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/data/files/csv_reader.h"
#include "core/data/input_scale.h"
#include "core/data/joined.h"
#include "core/data/stored_dataset.h"

namespace lockstep {

namespace {

namespace fs = std::filesystem;

/// The only file of `dir` that ends with _`role`.csv, plain or gzipped; nothing if there is none.
std::optional<fs::path> search(const fs::path& dir, std::string_view role) {
    if (dir.empty()) {
        throw ConfigError(
            fmt::format("data.dir: not set, but source csv needs the folder with *_{}.csv; set data.dir, "
                        "LOCKSTEP_DATA_DIR or data.{}",
                        role, role));
    }
    std::error_code error;
    const fs::directory_iterator entries(dir, error);
    if (error) {
        throw DataError(fmt::format("{}: cannot be searched: {}; set data.dir to the folder of the CSV files",
                                    dir.string(), error.message()));
    }
    const std::string suffix = fmt::format("_{}.csv", role);
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : entries) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(suffix) || name.ends_with(suffix + ".gz")) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    if (names.size() > 1) {
        throw DataError(fmt::format(
            "{}: {} files end with {} ({}), expected one; name the right one in data.{}", dir.string(),
            names.size(), suffix, joined(std::span<const std::string>(names)), role));
    }
    if (names.empty()) return std::nullopt;
    return dir / names[0];
}

std::optional<fs::path> find_file(const DataOptions& options, const std::string& name,
                                  std::string_view role) {
    if (!name.empty()) return options.dir / name;
    return search(options.dir, role);
}

fs::path required_file(const DataOptions& options, const std::string& name, std::string_view role) {
    if (auto path = find_file(options, name, role)) return *path;
    throw DataError(
        fmt::format("{}: holds no *_{}.csv, expected one; set data.dir, or name the file in data.{}",
                    options.dir.string(), role, role));
}

/// A set with what is compared when it is put together.
struct Part {
    fs::path path;
    CsvTable table;
    StoredTargets targets;  ///< without what the set has in common: classes, width
    // Of targets in a file of their own:
    std::size_t target_rows = 0;
    std::vector<std::uint64_t> target_index;
};

CsvForm form_of(const DataOptions& options) {
    return {.heading = options.header, .index = options.index_column, .targets = options.target_columns};
}

/// Samples and their names have to be those of the vectors, in their order.
void check_pairs(const Part& part, const fs::path& targets_path) {
    const std::size_t rows = part.table.vectors.rows;
    if (part.target_rows != rows) {
        throw DataError(fmt::format(
            "{}: {} labels, expected {}, one for each vector of {}; check that the two belong together",
            targets_path.string(), part.target_rows, rows, part.path.string()));
    }
    if (part.target_index.empty() || part.table.index.empty()) return;
    const auto [here, there] = std::ranges::mismatch(part.target_index, part.table.index);
    if (here == part.target_index.end()) return;
    throw DataError(fmt::format(
        "{}: sample {}: its index is another one than in {}; bring both files into the same order",
        targets_path.string(), here - part.target_index.begin() + 1, part.path.string()));
}

void take_targets(Part& part) {
    part.targets = {.labels = std::move(part.table.labels),
                    .classes = 0,
                    .values = std::move(part.table.targets),
                    .width = part.table.target_columns};
}

/// Targets from a file of their own. `limit`: labels are below it; 0: the targets are numbers.
void read_targets(Part& part, const fs::path& path, std::size_t limit, const DataOptions& options,
                  std::vector<std::string>& remarks) {
    CsvForm form = form_of(options);
    form.one_column_has_no_index = true;
    if (limit > 0) {
        CsvLabels read = read_csv_labels(path, limit, form);
        part.target_rows = read.labels.size();
        part.target_index = std::move(read.index);
        part.targets.labels = std::move(read.labels);
        if (!read.remark.empty()) remarks.push_back(std::move(read.remark));
        return;
    }
    CsvTable read = read_csv_table(path, form);
    part.target_rows = read.vectors.rows;
    part.target_index = std::move(read.index);
    part.targets.values = as_floats(read.vectors.values);
    part.targets.width = read.vectors.columns;
    if (!read.remark.empty()) remarks.push_back(read.remark);
}

void keep_first(Part& part, std::size_t most) {
    CsvVectors& vectors = part.table.vectors;
    if (most == 0 || most >= vectors.rows) return;
    vectors.rows = most;
    keep_first(vectors.values, part.targets, most, vectors.columns);
}

std::shared_ptr<const Dataset> stored(Part part, std::string_view split, float divisor) {
    CsvVectors& vectors = part.table.vectors;
    return std::make_shared<StoredDataset>(fmt::format("CSV {} ({})", split, part.path.string()),
                                           stored_form(std::move(vectors.values), divisor), vectors.columns,
                                           std::move(part.targets), divisor);
}

/// A test set that is read for its own sake, or not at all where a part of the training set takes its place.
std::optional<fs::path> find_test(const DataOptions& options) {
    if (options.split.per_cent.size() > 2 && options.test_vectors.empty())
        return search(options.dir, "test_vectors");
    return required_file(options, options.test_vectors, "test_vectors");
}

void check_alike(const Part& train, const Part& test) {
    const CsvVectors& vectors = test.table.vectors;
    if (train.table.vectors.columns != vectors.columns) {
        throw DataError(fmt::format(
            "{}:1: {} values, expected {} as in {}; check that the two belong together", test.path.string(),
            vectors.columns, train.table.vectors.columns, train.path.string()));
    }
    if (test.targets.width == 0 || test.targets.width == train.targets.width) return;
    throw DataError(fmt::format("{}: {} target values a sample, expected {} as in {}; check the files",
                                test.path.string(), test.targets.width, train.targets.width,
                                train.path.string()));
}

}  // namespace

DataSets open_csv(const DataOptions& options) {
    const bool values = options.targets == TargetKind::kValues;
    const bool inside = !options.target_columns.empty();  // targets stand among the vectors
    // All four are looked for before any is read: a missing one is reported at once.
    Part train;
    Part test;
    std::optional<fs::path> train_labels;
    std::optional<fs::path> test_labels;
    train.path = required_file(options, options.train_vectors, "train_vectors");
    if (!inside) train_labels = required_file(options, options.train_labels, "train_labels");
    const std::optional<fs::path> test_path = find_test(options);
    if (!inside && test_path) test_labels = find_file(options, options.test_labels, "test_labels");

    std::vector<std::string> remarks;
    const std::size_t limit = values ? 0 : (options.classes > 0 ? options.classes : kMostClasses);
    const auto read = [&](Part& part, const std::optional<fs::path>& labels, std::size_t below,
                          std::size_t columns_with_targets) {
        CsvForm form = form_of(options);
        form.columns_with_targets = columns_with_targets;
        // The smaller file first: what is wrong with it is said at once.
        if (labels) read_targets(part, *labels, below, options, remarks);
        part.table = read_csv_table(part.path, form, inside ? below : 0);
        if (!part.table.remark.empty()) remarks.push_back(part.table.remark);
        if (inside) take_targets(part);
        if (labels) check_pairs(part, *labels);
    };
    read(train, train_labels, limit, 0);
    std::size_t classes = options.classes;
    if (!values && classes == 0)
        classes = static_cast<std::size_t>(std::ranges::max(train.targets.labels)) + 1;
    if (test_path) {
        test.path = *test_path;
        read(test, test_labels, classes, train.table.columns);
        check_alike(train, test);
    }
    test.targets.width = train.targets.width;
    for (Part* part : {&train, &test}) {
        part->targets.classes = classes;
        if (!values) part->targets.width = 0;
    }
    // By all training vectors, also where fewer are kept, so that it does not depend on how many.
    const StoredInputs& inputs = train.table.vectors.values;
    const float divisor = input_divisor(options.scale, inputs);
    if (std::string remark = scale_remark(options.scale, inputs); !remark.empty())
        remarks.push_back(std::move(remark));
    keep_first(train, options.train_samples);
    keep_first(test, options.test_samples);
    const auto train_set = stored(std::move(train), "train", divisor);
    return {train_set, nullptr, test_path ? stored(std::move(test), "test", divisor) : train_set,
            std::move(remarks)};
}

namespace {
constexpr std::array<std::string_view, 13> kKeys{
    "dir",          "scale",          "train_vectors", "train_labels", "test_vectors",
    "test_labels",  "classes",        "train_samples", "test_samples", "header",
    "index_column", "target_columns", "targets"};
}  // namespace

extern const DataSource kCsvSource{
    .name = "csv",
    .what = "CSV files",
    .keys = kKeys,
    .needs = "dir",
    .needed_for = "the folder of its files",
    .open = open_csv,
};

}  // namespace lockstep
