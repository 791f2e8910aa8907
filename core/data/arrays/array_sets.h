// Data sets of arrays: which array is what, and whether they fit each other.
#pragma once

#include <functional>
#include <memory>

#include "core/data/arrays/array.h"
#include "core/data/open_data.h"

namespace lockstep {

using OpenArrays = std::function<std::unique_ptr<ArrayStore>(const std::filesystem::path& path)>;

/// The keys that sources of arrays read.
inline constexpr std::array<std::string_view, 11> kArrayKeys{
    "file",  "test_file", "train_inputs", "train_targets", "test_inputs", "test_targets",
    "scale", "targets",   "classes",      "train_samples", "test_samples"};

/// Inputs are (samples, …): of three dimensions images (height, width), of four images with channels last;
/// targets are classes (samples) or (samples, 1), or real values (samples, width), as options.targets says
/// or, with kAuto, the type of the numbers. Arrays go by the names that options give, else by those that
/// Keras's files have, x_train and so on, or by inputs and targets. Of options.test_file the test set's
/// arrays may have the training set's names. Without test targets the test set has none; with a split into
/// three parts there need be none. Throws DataError.
DataSets open_arrays(const DataOptions& options, const OpenArrays& open);

}  // namespace lockstep
