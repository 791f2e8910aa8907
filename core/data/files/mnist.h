// MNIST and the sets that share its four IDX files.
#pragma once

#include "core/data/open_data.h"

namespace lockstep {

/// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte,
/// each plain or with .gz, from options.dir. At most train_samples and test_samples are kept, the first ones.
/// Throws ConfigError without a dir, DataError for damaged files, files that do not fit each other and labels
/// out of range.
DataSets open_mnist(const DataOptions& options);

}  // namespace lockstep
