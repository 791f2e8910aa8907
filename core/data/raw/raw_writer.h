// Any data set as a raw file, from front to back.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "core/data/dataset.h"
#include "core/data/raw/raw_format.h"

namespace lockstep {

/// Takes the next bytes of the file.
using WriteBytes = std::function<void(std::span<const std::byte>)>;

/// Writes both sets, whose inputs are stored undivided: as bytes where all of them are whole numbers from 0
/// to 255, else as float32. `test` may be null: no test set of its own. Returns the header. Holds a block of
/// samples, and 8 to 12 bytes for each. Cost: two passes over the sets, the first of which finds how the
/// inputs are stored and what the header says of all samples. Requires sets of the same sizes, a training set
/// with targets.
RawHeader write_raw(const Dataset& train, const Dataset* test, const WriteBytes& write);

}  // namespace lockstep
