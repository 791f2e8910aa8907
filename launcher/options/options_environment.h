// Which variables of the environment are keys, and which only look alike.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// A variable that is a key and not empty.
struct KeyVariable {
    std::string name;  ///< LOCKSTEP_TRAINING_EPOCHS
    std::string key;   ///< training.epochs
    std::string text;
};

/// The variables of `environment` ("NAME=value") that are keys. Those that module systems set for every
/// package (LOCKSTEP_ROOT, LOCKSTEP_LIB_DIR) and others that resemble no key are left alone. Throws
/// ConfigError, naming the nearest key, for one that begins with a section's name or is misspelled.
std::vector<KeyVariable> key_variables(const std::vector<std::string>& environment);

}  // namespace lockstep
