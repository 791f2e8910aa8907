// Whether a network's outputs can reach the targets it is trained towards.
#pragma once

#include <string>

#include "core/data/dataset.h"
#include "core/network/network_spec.h"

namespace lockstep {

/// "" where the targets lie within the range of the output activation, else what is wrong and what to do. A
/// target at the edge, such as 1 for a sigmoid, is reached by infinite weights alone, on the way to which the
/// derivative vanishes. Looks at square errors alone: cross-entropy is made for targets 0 and 1. Reads all
/// real targets; class targets are as network.coding says. Requires that the data were checked against the
/// network.
std::string target_range_advice(const NetworkSpec& network, const Dataset& train);

}  // namespace lockstep
