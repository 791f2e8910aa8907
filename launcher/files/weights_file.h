// Weights as text, for networks small enough to be written by hand.
//
//   # exclusive or
//   layer 0
//   -1   2  2       a neuron a line: its bias, then its weights in the order of the inputs
//    3  -2 -2
//   layer 1
//   -2   1  1
//
// A neuron of a distance layer has no bias: its line is its centre alone.
// Numbers are separated by blanks; from # on a line is a comment; lines without anything are skipped.
#pragma once

#include <filesystem>
#include <vector>

#include "core/network/network_spec.h"

namespace lockstep {

/// The parameters of `network` as its layout has them (arena_size). Throws DataError with file:line where the
/// file has other layers, neurons or weights than the network.
std::vector<float> read_weights_file(const std::filesystem::path& path, const NetworkSpec& network);

}  // namespace lockstep
