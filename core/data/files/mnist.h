// MNIST and the sets that share its four IDX files.
#pragma once

#include "core/data/open_data.h"

namespace lockstep {

/// Reads the images and labels of training and test set from options.dir, as mnist_files.h finds them, of any
/// element type and shape (idx_reader.h). At most train_samples and test_samples are kept, the first ones.
/// Inputs are divided as input_scale.h has it. Throws ConfigError without a dir, DataError for damaged files,
/// files that do not fit each other and labels out of range.
DataSets open_mnist(const DataOptions& options);

/// The same of Fashion-MNIST: from the folder of Debian's package where options.dir is empty, or is that of
/// all configurations and holds something else. Throws DataError where there is no such folder either.
DataSets open_fashion_mnist(const DataOptions& options);

}  // namespace lockstep
