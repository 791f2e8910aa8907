#include "launcher/train/state_arrays.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/base/buffer.h"
#include "core/base/error.h"

namespace lockstep {

namespace {

/// Values that are visited at once: large enough for a broadcast to be worth its latency, small beside any
/// network whose state is worth dividing.
constexpr std::size_t kRun = std::size_t{1} << 16;

/// What the ranks have of an array, as one of them gives it to the others.
struct Owned {
    ArenaRange range;
    std::size_t rank;
};

ArenaRange overlap(ArenaRange a, ArenaRange b) {
    const std::size_t first = std::max(a.first, b.first);
    const std::size_t end = std::min(a.first + a.count, b.first + b.count);
    return {first, end > first ? end - first : 0};
}

/// Whose every element of the array is, in the arena's order; nothing where each rank has all of it.
/// Collective.
std::vector<Owned> owners_of(const Communicator& comm, const StateArray& array, std::size_t arena_size) {
    std::string own(array.parts.size() * sizeof(ArenaRange), '\0');
    for (std::size_t p = 0; p < array.parts.size(); ++p) {
        std::memcpy(own.data() + p * sizeof(ArenaRange), &array.parts[p].range, sizeof(ArenaRange));
    }
    std::vector<Owned> held;
    bool everywhere = true;
    const std::vector<std::string> all = comm.allgather(own);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        std::size_t count = 0;
        for (std::size_t at = 0; at < all[rank].size(); at += sizeof(ArenaRange)) {
            Owned& part = held.emplace_back(Owned{{}, rank});
            std::memcpy(&part.range, all[rank].data() + at, sizeof(ArenaRange));
            count += part.range.count;
        }
        everywhere = everywhere && count == arena_size;
    }
    if (everywhere) return {};
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
    throw Error(ExitCode::kInternal, fmt::format("no rank holds value {} of the run's {}", end, array.name));
}

}  // namespace

void visit_arrays(const Communicator& comm, std::span<const StateArray> arrays, std::size_t arena_size,
                  const VisitState& visit) {
    Buffer<float> room(std::min(kRun, arena_size));
    for (const StateArray& array : arrays) {
        const std::vector<Owned> owners = owners_of(comm, array, arena_size);
        for (std::size_t first = 0; first < arena_size; first += kRun) {
            const ArenaRange run{first, std::min(kRun, arena_size - first)};
            const std::span<float> values = room.span().first(run.count);
            for (const auto& [range, held] : array.parts) {
                const ArenaRange own = overlap(range, run);
                if (own.count == 0) continue;
                std::ranges::copy(held.subspan(own.first - range.first, own.count),
                                  values.subspan(own.first - run.first).begin());
            }
            for (const Owned& owner : owners) {
                const ArenaRange part = overlap(owner.range, run);
                if (part.count == 0) continue;
                comm.broadcast(values.subspan(part.first - run.first, part.count), owner.rank);
            }
            visit(array.name, run, values);
        }
    }
}

void fill_arrays(std::span<const StateArray> arrays, std::size_t arena_size, const FillState& fill) {
    std::vector<std::size_t> filled(arrays.size());
    fill([&](std::string_view name, ArenaRange run, std::span<const float> values) {
        const auto array = std::ranges::find(arrays, name, &StateArray::name);
        if (array == arrays.end()) {
            throw CheckpointError(
                fmt::format("the state to go on from has '{}', which this run has not; go on with the "
                            "configuration that it "
                            "is of",
                            name));
        }
        if (run.first > arena_size || run.count > arena_size - run.first || run.count != values.size()) {
            throw CheckpointError(
                fmt::format("the state to go on from has {} values of '{}' from {} on, but there are {} in "
                            "all; go on with "
                            "the configuration that it is of",
                            run.count, name, run.first, arena_size));
        }
        filled[static_cast<std::size_t>(array - arrays.begin())] += run.count;
        for (const auto& [range, held] : array->parts) {
            const ArenaRange own = overlap(range, run);
            if (own.count == 0) continue;
            std::ranges::copy(values.subspan(own.first - run.first, own.count),
                              held.subspan(own.first - range.first).begin());
        }
    });
    for (std::size_t a = 0; a < arrays.size(); ++a) {
        if (filled[a] == arena_size) continue;
        throw CheckpointError(
            fmt::format("the state to go on from has {} of the {} values of '{}'; go on with the "
                        "configuration that it is of",
                        filled[a], arena_size, arrays[a].name));
    }
}

}  // namespace lockstep
