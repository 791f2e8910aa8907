// What the ranks read, compared before they compute with it: data sets, model files, files of weights.
//
// Every rank reads for itself, perhaps from a disk of its own host, where an old copy may lie under the same
// name.
#pragma once

#include <filesystem>
#include <span>

#include "comm/communicator.h"
#include "core/data/open_data.h"
#include "launcher/options/config.h"

namespace lockstep {

/// Throws CollectiveError (exit code 3) where a set has other samples or another number of them on some rank:
/// the message names the set, the lowest such rank and both digests. Collective. Cost: each set's digest, one
/// pass over what is stored, which the run's record needs as well.
void check_same_data(const Communicator& comm, const DataSets& data);

/// The same for the files of weights, digraphs and digraphs' samples that the configuration names (exit code
/// 3), by the digest of their bytes; and refuses any input that is a stream where there are several ranks,
/// since rank 0 alone would have it. Call it before the data is opened. Collective.
void check_same_files(const Communicator& comm, const Config& config);

/// The same for model files (exit code 4), by size and by the checksum that each ends with: 16 bytes are
/// read, and the model's reader checks them against the rest. Collective.
void check_same_models(const Communicator& comm, std::span<const std::filesystem::path> models);

}  // namespace lockstep
