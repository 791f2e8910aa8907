// Inputs of a training set that give the answer away, or say nothing: what a user may not have noticed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"

namespace lockstep {

/// Warnings about a stored training set, in the order of its file: a first input that counts the lines, an
/// input that equals the class, inputs that become tiny by their divisor. Reads as few samples as refute
/// them. `remedy`: how a column is left out.
std::vector<std::string> input_remarks(const Dataset& training,
                                       std::string_view remedy = "remove that column");

}  // namespace lockstep
