#include "core/data/arrays/array_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/data/arrays/hdf5_file.h"
#include "core/data/arrays/npz_file.h"
#include "core/data/files/csv_reader.h"
#include "core/data/files/labels.h"
#include "core/data/input_scale.h"
#include "core/data/joined.h"

namespace lockstep {

namespace {

using Names = std::vector<std::string>;

/// One of the four arrays: its key, and the names by which it goes unless that is set.
struct Role {
    std::string_view key;
    std::string name;
    Names usual;
};

/// Targets before it is known how many classes there are.
struct Part {
    std::string where;  // "set.npz: x_train"
    Array inputs;
    StoredTargets targets;
};

/// The name of the role's array in that file, or nothing.
std::optional<std::string> find(ArrayStore& file, const Role& role) {
    if (!role.name.empty()) return file.has(role.name) ? std::optional(role.name) : std::nullopt;
    const auto found =
        std::ranges::find_if(role.usual, [&](const std::string& name) { return file.has(name); });
    return found == role.usual.end() ? std::nullopt : std::optional(*found);
}

std::string required(ArrayStore& file, const Role& role, const std::filesystem::path& path) {
    if (auto name = find(file, role)) return *name;
    constexpr std::size_t kShown = 20;
    Names held = file.names();
    const bool more = held.size() > kShown;
    if (more) held.resize(kShown);
    throw DataError(fmt::format(
        "{}: holds no array {}, but {}{}; name the right one in data.{}", path.string(),
        role.name.empty() ? joined(std::span<const std::string>(role.usual)) : role.name,
        held.empty() ? "none" : joined(std::span<const std::string>(held)), more ? ", …" : "", role.key));
}

/// Bytes, where all floats are, as in CSV files.
StoredInputs in_least_form(StoredInputs values) {
    const auto* floats = std::get_if<std::vector<float>>(&values);
    if (floats == nullptr) return values;
    if (!std::ranges::all_of(*floats, is_byte)) return values;
    std::vector<std::uint8_t> bytes(floats->size());
    std::ranges::transform(*floats, bytes.begin(), [](float v) { return static_cast<std::uint8_t>(v); });
    return bytes;
}

std::vector<std::int32_t> labels_of(const Array& array, std::size_t limit, const std::string& where) {
    const std::vector<float> values = as_floats(array.values);
    std::vector<std::int32_t> labels;
    LabelRange range;
    std::string beyond;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] != std::floor(values[i])) {
            throw DataError(
                fmt::format("{}: item {} is {}, expected the number of a class; set data.targets = values "
                            "where targets are numbers",
                            where, i, values[i]));
        }
        const auto label =
            static_cast<std::int64_t>(std::clamp(static_cast<double>(values[i]), -0x1p62, 0x1p62));
        range.add(label);
        if (beyond.empty() && (label < 0 || static_cast<std::uint64_t>(label) >= limit))
            beyond = fmt::format("{}: item {}: label {}, expected 0 to {}", where, i, label, limit - 1);
        labels.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(label, -1, 1 << 30)));
    }
    if (!beyond.empty()) throw DataError(fmt::format("{}; {}", beyond, range.remedy()));
    return labels;
}

bool are_classes(const Array& array, TargetKind kind) {
    return kind == TargetKind::kAuto ? array.integers : kind == TargetKind::kClasses;
}

/// `limit`: labels are below it.
void take_targets(Part& part, const Array& array, std::size_t limit, TargetKind kind,
                  const std::string& where) {
    if (array.shape[0] != part.inputs.shape[0]) {
        throw DataError(fmt::format(
            "{}: {} targets, expected {}, one for each sample of {}; check that the two belong together",
            where, array.shape[0], part.inputs.shape[0], part.where));
    }
    if (!are_classes(array, kind)) {
        part.targets.values = as_floats(array.values);
        part.targets.width = array.row_size();
        return;
    }
    if (array.row_size() != 1) {
        throw DataError(fmt::format(
            "{}: {} numbers for each sample, expected one class; of one-hot rows take the class's "
            "number (numpy: argmax(axis=1)), or set data.targets = values",
            where, array.row_size()));
    }
    part.targets.labels = labels_of(array, limit, where);
}

Part read_inputs(ArrayStore& file, const std::string& name, const std::filesystem::path& path) {
    Part part{fmt::format("{}: {}", path.string(), name), file.read(name), {}};
    part.inputs.values = in_least_form(std::move(part.inputs.values));
    return part;
}

Shape shape_of(const Array& inputs) {
    const std::vector<std::size_t>& shape = inputs.shape;
    if (shape.size() == 3) return {shape[1], shape[2], 1};
    if (shape.size() == 4) return {shape[1], shape[2], shape[3]};
    return inputs.row_size();
}

void keep_first(Part& part, std::size_t most) {
    if (most == 0 || most >= part.inputs.shape[0]) return;
    keep_first(part.inputs.values, part.targets, most, part.inputs.row_size());
    part.inputs.shape[0] = most;
}

std::shared_ptr<const Dataset> stored(Part part, const StoredTargets& like, float divisor) {
    part.targets.classes = like.classes;
    part.targets.width = like.width;
    const Shape shape = shape_of(part.inputs);
    return std::make_shared<StoredDataset>(fmt::format("arrays ({})", part.where),
                                           stored_form(std::move(part.inputs.values), divisor), shape,
                                           std::move(part.targets), divisor);
}

void check_alike(const Part& train, const Part& test) {
    if (std::ranges::equal(std::span(train.inputs.shape).subspan(1),
                           std::span(test.inputs.shape).subspan(1)) &&
        (test.targets.width == 0 || test.targets.width == train.targets.width))
        return;
    throw DataError(fmt::format(
        "{} and {} differ in the sizes of their samples or targets; check that they belong together",
        train.where, test.where));
}

/// The test set of options.test_file, or of the training set's file; nothing where there need be none.
std::optional<Part> read_test(ArrayStore& file, const DataOptions& options, const OpenArrays& open,
                              const Part& train, std::size_t classes) {
    const bool own = !options.test_file.empty();
    Role inputs{"test_inputs", options.test_inputs, {"x_test", "test_inputs"}};
    Role targets{"test_targets", options.test_targets, {"y_test", "test_targets"}};
    if (own) {
        inputs.usual.insert(inputs.usual.end(), {"inputs", "x_train", "train_inputs"});
        targets.usual.insert(targets.usual.end(), {"targets", "y_train", "train_targets"});
    }
    const auto opened = own ? open(options.test_file) : nullptr;
    ArrayStore& source = own ? *opened : file;
    const std::filesystem::path& path = own ? options.test_file : options.file;
    if (!find(source, inputs) && !own && options.test_inputs.empty() && options.split.per_cent.size() > 2)
        return std::nullopt;
    Part test = read_inputs(source, required(source, inputs, path), path);
    // Named ones must be there; without any the set can be predicted.
    if (const auto name =
            options.test_targets.empty() ? find(source, targets) : required(source, targets, path)) {
        const TargetKind kind = train.targets.labels.empty() ? TargetKind::kValues : TargetKind::kClasses;
        take_targets(test, source.read(*name), classes, kind, fmt::format("{}: {}", path.string(), *name));
    }
    check_alike(train, test);
    return test;
}

}  // namespace

DataSets open_arrays(const DataOptions& options, const OpenArrays& open) {
    const auto file = open(options.file);
    const Role inputs{"train_inputs", options.train_inputs, {"x_train", "inputs", "train_inputs"}};
    const Role targets{"train_targets", options.train_targets, {"y_train", "targets", "train_targets"}};
    const std::string inputs_name = required(*file, inputs, options.file);
    const std::string targets_name = required(*file, targets, options.file);
    Part train = read_inputs(*file, inputs_name, options.file);
    const std::size_t limit = options.classes > 0 ? options.classes : kMostClasses;
    take_targets(train, file->read(targets_name), limit, options.targets,
                 fmt::format("{}: {}", options.file.string(), targets_name));
    StoredTargets common{.classes = options.classes, .width = train.targets.width};
    if (!train.targets.labels.empty() && common.classes == 0)
        common.classes = static_cast<std::size_t>(std::ranges::max(train.targets.labels)) + 1;
    if (train.targets.labels.empty()) common.classes = 0;
    std::optional<Part> test = read_test(*file, options, open, train, common.classes);

    // By all training samples, also where fewer are kept, as for CSV files.
    const float divisor = input_divisor(options.scale, train.inputs.values);
    std::vector<std::string> remarks;
    if (std::string remark = scale_remark(options.scale, train.inputs.values); !remark.empty())
        remarks.push_back(std::move(remark));
    keep_first(train, options.train_samples);
    if (test) keep_first(*test, options.test_samples);
    const auto train_set = stored(std::move(train), common, divisor);
    return {train_set, nullptr, test ? stored(std::move(*test), common, divisor) : train_set,
            std::move(remarks)};
}

extern const DataSource kNpzSource{
    .name = "npz",
    .what = "numpy's arrays, an archive or a folder of them",
    .keys = kArrayKeys,
    .needs = "file",
    .needed_for = "the .npz file, or the folder of .npy files",
    .open = [](const DataOptions& options) { return open_arrays(options, open_npz); },
};

extern const DataSource kHdf5Source{
    .name = "hdf5",
    .what = "datasets of an HDF5 file",
    .keys = kArrayKeys,
    .needs = "file",
    .needed_for = "the HDF5 file",
    .open = [](const DataOptions& options) { return open_arrays(options, open_hdf5); },
};

}  // namespace lockstep
