// The datasets of an HDF5 file by name.
#pragma once

#include <filesystem>
#include <memory>

#include "core/data/arrays/array.h"

namespace lockstep {

/// Throws DataError where there is no such file, and ConfigError where the program was built without libhdf5.
std::unique_ptr<ArrayStore> open_hdf5(const std::filesystem::path& path);

}  // namespace lockstep
