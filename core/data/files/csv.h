// The course task's files: CSV vectors and labels found in a folder.
#pragma once

#include "core/data/open_data.h"

namespace lockstep {

/// Reads *_train_vectors.csv, *_train_labels.csv, *_test_vectors.csv and *_test_labels.csv of options.dir, or
/// the files that the options name, each plain or with .gz. Targets are classes or, with TargetKind::kValues,
/// numbers, in files of their own or in options.target_columns of the vectors. Without test labels, or a test
/// file without the target columns, the test set has no targets. With a split into three parts no test file
/// is needed.
/// Inputs are divided as input_scale.h has it, those of both sets as the training set says. At most
/// train_samples and test_samples are kept, the first ones. Throws ConfigError without a dir to search;
/// DataError for a missing file, several candidates (it lists them), damaged content, and files that do not
/// fit each other.
DataSets open_csv(const DataOptions& options);

}  // namespace lockstep
