// What the user should know of the data before a network is trained on it.
#pragma once

#include <string>
#include <vector>

#include "core/data/open_data.h"

namespace lockstep {

/// Warnings, each a sentence: DataSets::remarks, classes of the training set without a sample, one class
/// alone, a training set without the classes that are tested, a test set whose inputs are stored at another
/// scale. Reads all training and test labels, and inputs until one is a byte.
std::vector<std::string> data_advice(const DataSets& data);

/// What the labels of a set are, where they are not 0, 1, 2, …: "; labels run from 1 to 3, so that class 0
/// has no sample". "" where they are, or where the targets are no classes.
std::string label_range_advice(const Dataset& set);

/// How a set's stored inputs are scaled, and by which setting of data.scale: "16 a sample, divided by 255
/// (data.scale = auto)".
std::string inputs_text(const Dataset& set, const InputScale& scale);

}  // namespace lockstep
