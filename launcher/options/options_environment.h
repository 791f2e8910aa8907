// What the environment says: which of its variables are keys and which only look alike, and OMP_NUM_THREADS.
#pragma once

#include <cstddef>
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

/// OMP_NUM_THREADS as OpenMP reads it: a list of whole numbers above 0, one a level of nesting, of which the
/// first counts here.
struct ThreadVariable {
    std::size_t threads = 1;  ///< 1 where it is not set, empty or no such list
    std::string fault;        ///< what is wrong with it; empty: nothing
};
ThreadVariable read_thread_variable();

}  // namespace lockstep
