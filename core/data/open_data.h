// Opens the training and test sets that a configuration names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/names.h"
#include "core/data/dataset.h"
#include "core/data/files/csv_lines.h"
#include "core/data/input_scale.h"
#include "core/data/split.h"

namespace lockstep {

/// data.targets: what the targets of files are. kAuto: classes, or as the type of the numbers in the file
/// says.
enum class TargetKind { kAuto, kClasses, kValues };
template <>
inline constexpr std::array<std::string_view, 3> names_of<TargetKind>{"auto", "classes", "values"};

/// The [data] section. See launcher/options for the keys' help.
struct DataOptions {
    std::string source;         ///< one of data_source_names()
    std::filesystem::path dir;  ///< mnist, csv: the folder of the files
    /// dir was set for all configurations alike, so that what it holds may be another one's.
    bool dir_of_all = false;
    std::string prefix;         ///< mnist: what the names of the four files begin with
    InputScale scale;           ///< mnist, csv
    std::string train_vectors;  ///< csv: file names in dir; empty: the only *_train_vectors.csv, and so on
    std::string train_labels;
    std::string test_vectors;
    std::string test_labels;  ///< csv: empty and no *_test_labels.csv: a test set without targets
    TargetKind targets = TargetKind::kAuto;
    CsvHeading header = CsvHeading::kNo;      ///< csv
    std::string index_column;                 ///< csv: see CsvForm
    std::vector<std::string> target_columns;  ///< csv, likewise
    std::filesystem::path file;               ///< npz, hdf5, raw: the file
    std::filesystem::path test_file;          ///< npz, hdf5: of the test set; empty: the same one
    std::string train_inputs;                 ///< npz, hdf5: the arrays; empty: those of the usual names
    std::string train_targets;
    std::string test_inputs;
    std::string test_targets;
    std::size_t prefetch = 0;          ///< raw: batches that are read ahead
    std::filesystem::path table;       ///< table: its file
    std::filesystem::path test_table;  ///< table: of the test set; empty: the same one
    std::size_t classes =
        0;  ///< mnist, csv: labels are below it; 0: mnist 10, csv largest training label + 1
    std::size_t train_samples =
        0;  ///< synthetic: how many to draw; files: at most so many; 0: the source's own
    std::size_t test_samples = 0;
    std::uint64_t seed = 1;  ///< synthetic sets
    SplitShares split;       ///< of the training set; three parts replace the source's test set
    std::uint64_t split_seed = 1;
    bool operator==(const DataOptions&) const = default;
};

/// Training and test set. Sources without a test set of their own (xor, table) give the training set again.
struct DataSets {
    std::shared_ptr<const Dataset> train;
    std::shared_ptr<const Dataset> validation;  ///< a part of the training set, or none
    std::shared_ptr<const Dataset> test;
    std::vector<std::string> remarks;  ///< what a user may not expect of them, each a warning
};

/// A source of data: its row in the table. A new one is a file in files/ or synthetic/, which defines its
/// row, and the row's name in open_data.cpp.
struct DataSource {
    std::string_view name;                   ///< of data.source: "csv"
    std::string_view what;                   ///< for help: "CSV files"
    std::span<const std::string_view> keys;  ///< of [data], without "data.", that it reads and not all do
    std::string_view needs = {};             ///< one of these that must be set, or none
    std::string_view needed_for = {};        ///< what that one is: "the folder of its files"
    DataSets (*open)(const DataOptions& options) = nullptr;
    std::span<const std::string_view> class_names = {};  ///< what its classes are called; none: by numbers
};

std::span<const DataSource* const> data_sources();
/// Null where there is none of that name.
const DataSource* find_data_source(std::string_view name);
/// For the choices of data.source, and the nearest valid spelling.
std::span<const std::string_view> data_source_names();
/// The names of those that read data.`key`.
std::vector<std::string_view> data_sources_reading(std::string_view key);
/// Whether the source reads it as a key of its own; false where there is no such source.
bool source_reads(std::string_view source, std::string_view key);
/// Whether it is a key of others alone: one that all sources read is nobody's own.
bool is_key_of_others(std::string_view source, std::string_view key);

/// Opens both sets; files are read whole.
/// Throws DataError (missing, truncated, malformed files; names file, line or offset, what was expected, what
/// to do; a split with an empty part) and ConfigError (unknown source, a key the source needs is missing).
DataSets open_data(const DataOptions& options);
/// The same as the source has it, without options.split.
DataSets open_uncut_data(const DataOptions& options);

}  // namespace lockstep
