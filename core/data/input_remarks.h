// Inputs of a training set that give the answer away, or say nothing: what a user may not have noticed.
#pragma once

#include <string>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

/// Warnings about a stored training set, in the order of its file: a first input that counts the lines, an
/// input that equals the class, inputs that become tiny by their divisor. Reads as few samples as refute
/// them.
std::vector<std::string> input_remarks(const Dataset& training);

}  // namespace lockstep
