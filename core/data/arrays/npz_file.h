// numpy's arrays by name: an archive of them, .npz, or a folder with a .npy file for each.
#pragma once

#include <filesystem>
#include <memory>

#include "core/data/arrays/array.h"

namespace lockstep {

/// Throws DataError where there is neither.
std::unique_ptr<ArrayStore> open_npz(const std::filesystem::path& path);

}  // namespace lockstep
