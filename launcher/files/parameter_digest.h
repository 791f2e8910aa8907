// Digests of a network's parameters: what the ledger records, the replicas compare and `lockstep digest`
// prints.
#pragma once

#include <span>
#include <vector>

#include "comm/replica_check.h"
#include "core/network/parameter_source.h"

namespace lockstep {

/// One digest for each layer that has parameters, called "layer0", "layer1", …, over its run of the arena.
/// combined_digest of them is the model's digest. Collective where reading the parameters is.
std::vector<LayerDigest> parameter_digests(const ParameterLayout& layout, ParameterSource& parameters);
/// Shape: parameters (layout.arena_size()).
std::vector<LayerDigest> parameter_digests(const ParameterLayout& layout, std::span<const float> parameters);

}  // namespace lockstep
