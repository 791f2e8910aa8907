// Arrays of a run's state, which lie on the ranks as comm.shard has it, visited and written as if each lay in
// one arena.
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

/// Takes the values of a run of an array. Shape: values (range.count).
using VisitState =
    std::function<void(std::string_view array, ArenaRange range, std::span<const float> values)>;
/// Calls `set` with every run of every array, cut and ordered as it likes.
using FillState = std::function<void(const VisitState& set)>;

/// Visits all values of the arrays, in their order and the arena's, on every rank: the same runs, of at most
/// 64 Ki values, whatever part of them each rank holds. Requires the same arrays on all ranks, which together
/// hold each whole, of `arena_size` values, and a `visit` that does not throw on one rank alone. Memory: one
/// run. Collective; what a rank lacks is broadcast by the lowest rank that holds it.
void visit_arrays(const Communicator& comm, std::span<const StateArray> arrays, std::size_t arena_size,
                  const VisitState& visit);

/// The inverse: writes what this rank holds of the runs that `fill` sets. Throws CheckpointError where it
/// sets an array that is not there, values beyond an array's end, or more or fewer values than an array has.
/// Not collective but for what `fill` does.
void fill_arrays(std::span<const StateArray> arrays, std::size_t arena_size, const FillState& fill);

}  // namespace lockstep
