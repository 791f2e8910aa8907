// Work that no memory can hold is refused before it begins.
#pragma once

#include <cstddef>

#include "core/data/open_data.h"
#include "launcher/options/options.h"

namespace lockstep {

/// Memory and swap of this machine.
std::size_t machine_memory_bytes();

// Both throw ConfigError, naming the key, where a rank of `ranks` would need more than this machine has.

/// For the order of the samples of a synthetic set, which can be of any size, or for their scores.
void check_drawn_samples(const DataOptions& data, const ResolvedOptions& options, std::size_t ranks);

/// For the network and the batch: `all_bytes`, `activation_bytes` of them for a rank's share of the batch.
void check_memory(const ResolvedOptions& options, std::size_t activation_bytes, std::size_t all_bytes);

}  // namespace lockstep
