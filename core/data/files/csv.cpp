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

struct Part {
    fs::path path;
    CsvVectors vectors;
    std::vector<std::int32_t> labels;
};

void check_count(const Part& part, const fs::path& labels_path) {
    if (part.labels.size() == part.vectors.rows) return;
    throw DataError(fmt::format(
        "{}: {} labels, expected {}, one for each vector of {}; check that the two belong together",
        labels_path.string(), part.labels.size(), part.vectors.rows, part.path.string()));
}

void keep_first(Part& part, std::size_t most) {
    if (most == 0 || most >= part.vectors.rows) return;
    part.vectors.rows = most;
    std::visit([&](auto& values) { values.resize(most * part.vectors.columns); }, part.vectors.values);
    part.labels.resize(std::min(most, part.labels.size()));
}

std::shared_ptr<const Dataset> stored(Part part, std::string_view split, std::size_t classes, float divisor) {
    return std::make_shared<StoredDataset>(fmt::format("CSV {} ({})", split, part.path.string()),
                                           stored_form(std::move(part.vectors.values), divisor),
                                           part.vectors.columns, std::move(part.labels), classes, divisor);
}

}  // namespace

DataSets open_csv(const DataOptions& options) {
    // All four are looked for before any is read: a missing one is reported at once.
    Part train;
    Part test;
    train.path = required_file(options, options.train_vectors, "train_vectors");
    const fs::path train_labels = required_file(options, options.train_labels, "train_labels");
    test.path = required_file(options, options.test_vectors, "test_vectors");
    const std::optional<fs::path> test_labels = find_file(options, options.test_labels, "test_labels");

    train.labels = read_csv_labels(train_labels, options.classes > 0 ? options.classes : kMostClasses);
    const std::size_t classes =
        options.classes > 0
            ? options.classes
            : static_cast<std::size_t>(*std::max_element(train.labels.begin(), train.labels.end())) + 1;
    train.vectors = read_csv_vectors(train.path);
    check_count(train, train_labels);
    test.vectors = read_csv_vectors(test.path);
    if (test_labels) {
        test.labels = read_csv_labels(*test_labels, classes);
        check_count(test, *test_labels);
    }
    if (train.vectors.columns != test.vectors.columns) {
        throw DataError(fmt::format(
            "{}:1: {} values, expected {} as in {}; check that the two belong together", test.path.string(),
            test.vectors.columns, train.vectors.columns, train.path.string()));
    }
    // By all training vectors, also where fewer are kept, so that it does not depend on how many.
    const float divisor = input_divisor(options.scale, train.vectors.values);
    std::vector<std::string> remarks;
    if (std::string remark = scale_remark(options.scale, train.vectors.values); !remark.empty())
        remarks.push_back(std::move(remark));
    keep_first(train, options.train_samples);
    keep_first(test, options.test_samples);
    return {stored(std::move(train), "train", classes, divisor), nullptr,
            stored(std::move(test), "test", classes, divisor), std::move(remarks)};
}

namespace {
constexpr std::array<std::string_view, 9> kKeys{"dir",          "scale",         "train_vectors",
                                                "train_labels", "test_vectors",  "test_labels",
                                                "classes",      "train_samples", "test_samples"};
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
