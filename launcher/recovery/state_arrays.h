// Arrays of a run's state, which lie on the ranks as comm.shard has it: who saves what of them, and how each
// rank gets back what it holds.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.h"
#include "core/network/parameter_layout.h"

namespace lockstep {

/// What this rank holds of an array that is laid out as the parameters are.
struct StateArray {
    struct Part {
        ArenaRange range;
        std::span<float> values;  ///< (range.count)
    };
    std::string name;
    std::vector<Part> parts;  ///< in the arena's order
};

/// What this rank is to save of them, so that each value is saved by one rank: rank 0 saves all where every
/// rank holds all of every array; else a value's lowest holder does, and what all hold is divided evenly.
/// Requires the same arrays on all ranks, which together hold each whole, of `arena_size` values. Collective.
std::vector<StateArray> parts_to_save(const Communicator& comm, std::span<const StateArray> arrays,
                                      std::size_t arena_size);

/// Takes the values of a run of an array. Shape: values (range.count).
using SetState = std::function<void(std::string_view array, ArenaRange range, std::span<const float> values)>;
/// Whether any of a run's values are wanted; a run that is not may be left out.
using WantsState = std::function<bool(std::string_view array, ArenaRange range)>;
/// Calls `set` with every run of every array that is wanted, cut and ordered as it likes.
using FillState = std::function<void(const SetState& set, const WantsState& wants)>;

/// Writes what this rank holds of the runs that `fill` sets. Throws CheckpointError where it sets an array
/// that is not there, values beyond an array's end, or not all that is held. Not collective but for what
/// `fill` does.
void fill_arrays(std::span<const StateArray> arrays, std::size_t arena_size, const FillState& fill);

}  // namespace lockstep
