#include "launcher/recovery/state_arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace lockstep {

namespace {

/// What the ranks have of an array.
struct Owned {
    ArenaRange range;
    std::size_t rank;
};

ArenaRange overlap(ArenaRange a, ArenaRange b) {
    const std::size_t first = std::max(a.first, b.first);
    const std::size_t end = std::min(a.first + a.count, b.first + b.count);
    return {first, end > first ? end - first : 0};
}

/// Every rank's parts of the array. Collective.
std::vector<Owned> all_parts(const Communicator& comm, const StateArray& array) {
    std::string own(array.parts.size() * sizeof(ArenaRange), '\0');
    for (std::size_t p = 0; p < array.parts.size(); ++p) {
        std::memcpy(own.data() + p * sizeof(ArenaRange), &array.parts[p].range, sizeof(ArenaRange));
    }
    std::vector<Owned> held;
    const std::vector<std::string> all = comm.allgather(own);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        for (std::size_t at = 0; at < all[rank].size(); at += sizeof(ArenaRange)) {
            Owned& part = held.emplace_back(Owned{{}, rank});
            std::memcpy(&part.range, all[rank].data() + at, sizeof(ArenaRange));
        }
    }
    return held;
}

bool all_hold_everything(const Communicator& comm, const std::vector<Owned>& held, std::size_t arena_size) {
    std::vector<std::size_t> counts(comm.size());
    for (const Owned& part : held) counts[part.rank] += part.range.count;
    return std::ranges::all_of(counts, [&](std::size_t count) { return count == arena_size; });
}

/// The lowest holder of every value, in the arena's order.
std::vector<Owned> lowest_holders(std::vector<Owned> held, const std::string& array, std::size_t arena_size) {
    std::ranges::stable_sort(held, {}, [](const Owned& part) { return part.range.first; });
    std::vector<Owned> owners;
    std::size_t end = 0;
    for (const Owned& part : held) {
        const ArenaRange rest = overlap(part.range, {end, arena_size - end});
        if (rest.count == 0) continue;
        if (rest.first != end) break;
        owners.push_back({rest, part.rank});
        end += rest.count;
    }
    if (end == arena_size) return owners;
    throw Error(ExitCode::kInternal, fmt::format("no rank holds value {} of the run's {}", end, array));
}

/// Of what this rank holds, that which lies in the range.
void add_parts(StateArray& to, const StateArray& held, ArenaRange range) {
    for (const auto& [own, values] : held.parts) {
        const ArenaRange part = overlap(own, range);
        if (part.count > 0) to.parts.push_back({part, values.subspan(part.first - own.first, part.count)});
    }
}

}  // namespace

std::vector<StateArray> parts_to_save(const Communicator& comm, std::span<const StateArray> arrays,
                                      std::size_t arena_size) {
    std::vector<std::vector<Owned>> held;
    std::vector<bool> replicated;
    for (const StateArray& array : arrays) {
        held.push_back(all_parts(comm, array));
        replicated.push_back(all_hold_everything(comm, held.back(), arena_size));
    }
    const bool whole = std::ranges::all_of(replicated, [](bool all) { return all; });
    std::vector<StateArray> saved;
    for (std::size_t a = 0; a < arrays.size(); ++a) {
        StateArray& own = saved.emplace_back(StateArray{arrays[a].name, {}});
        if (replicated[a]) {
            const std::size_t ranks = whole ? 1 : comm.size();
            if (comm.rank() >= ranks) continue;
            const std::size_t first = arena_size * comm.rank() / ranks;
            add_parts(own, arrays[a], {first, arena_size * (comm.rank() + 1) / ranks - first});
            continue;
        }
        for (const Owned& owner : lowest_holders(held[a], arrays[a].name, arena_size)) {
            if (owner.rank == comm.rank()) add_parts(own, arrays[a], owner.range);
        }
    }
    return saved;
}

void fill_arrays(std::span<const StateArray> arrays, std::size_t arena_size, const FillState& fill) {
    std::vector<std::size_t> filled(arrays.size());
    const auto find = [&](std::string_view name) {
        const auto array = std::ranges::find(arrays, name, &StateArray::name);
        if (array == arrays.end()) {
            throw CheckpointError(
                fmt::format("the state to go on from has '{}', which this run has not; go on with the "
                            "configuration that it is of",
                            name));
        }
        return static_cast<std::size_t>(array - arrays.begin());
    };
    const auto wants = [&](std::string_view name, ArenaRange run) {
        return std::ranges::any_of(arrays[find(name)].parts, [&](const StateArray::Part& part) {
            return overlap(part.range, run).count > 0;
        });
    };
    fill(
        [&](std::string_view name, ArenaRange run, std::span<const float> values) {
            const std::size_t a = find(name);
            if (run.first > arena_size || run.count > arena_size - run.first || run.count != values.size()) {
                throw CheckpointError(
                    fmt::format("the state to go on from has {} values of '{}' from {} on, but there are {} "
                                "in all; go on with the configuration that it is of",
                                run.count, name, run.first, arena_size));
            }
            for (const auto& [range, held] : arrays[a].parts) {
                const ArenaRange own = overlap(range, run);
                if (own.count == 0) continue;
                std::ranges::copy(values.subspan(own.first - run.first, own.count),
                                  held.subspan(own.first - range.first).begin());
                filled[a] += own.count;
            }
        },
        wants);
    for (std::size_t a = 0; a < arrays.size(); ++a) {
        std::size_t held = 0;
        for (const StateArray::Part& part : arrays[a].parts) held += part.range.count;
        if (filled[a] == held) continue;
        throw CheckpointError(
            fmt::format("the state to go on from has {} of the {} values of '{}' that are wanted; go on with "
                        "the configuration that it is of",
                        filled[a], held, arrays[a].name));
    }
}

}  // namespace lockstep
