// Groups the ranks by digest, and words what it finds.
#include "comm/replica_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

namespace lockstep {

namespace {

/// Ranks that hold the same parameters.
struct Group {
    std::vector<std::size_t> ranks;
};

/// Largest group first; equal ones by their lowest rank.
std::vector<Group> group_ranks(const std::vector<Digest128>& digests) {
    std::map<Digest128, Group> by_digest;
    for (std::size_t rank = 0; rank < digests.size(); ++rank) by_digest[digests[rank]].ranks.push_back(rank);
    std::vector<Group> groups;
    for (auto& [digest, group] : by_digest) groups.push_back(std::move(group));
    std::ranges::sort(groups, [](const Group& a, const Group& b) {
        return a.ranks.size() != b.ranks.size() ? a.ranks.size() > b.ranks.size()
                                                : a.ranks.front() < b.ranks.front();
    });
    return groups;
}

/// "rank 2 (hostA), rank 5 (hostB)", cut off where it would fill the screen.
std::string listing(const Communicator& comm, const std::vector<std::size_t>& ranks) {
    constexpr std::size_t kMostNamed = 16;
    std::string text;
    for (std::size_t i = 0; i < std::min(ranks.size(), kMostNamed); ++i) {
        text += fmt::format("{}rank {} ({})", i == 0 ? "" : ", ", ranks[i], comm.hosts()[ranks[i]]);
    }
    if (ranks.size() > kMostNamed) text += fmt::format(" and {} more", ranks.size() - kMostNamed);
    return text;
}

/// Every rank's layer digests, (ranks, layers). Requires the same number of layers on all ranks. Collective.
std::vector<Digest128> gather_layers(const Communicator& comm, std::span<const LayerDigest> layers) {
    std::vector<Digest128> own;
    for (const LayerDigest& layer : layers) own.push_back(layer.digest);
    std::vector<Digest128> all(own.size() * comm.size());
    comm.allgather(std::span<const Digest128>(own), std::span<Digest128>(all));
    return all;
}

/// Where the replicas differ first, in words. Collective.
std::string first_difference(const Communicator& comm, std::span<const LayerDigest> layers) {
    const auto count = static_cast<std::int64_t>(layers.size());
    if (comm.min(count) != comm.max(count)) return "The ranks do not even have the same number of layers.";
    const std::vector<Digest128> all = gather_layers(comm, layers);
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        for (std::size_t rank = 1; rank < comm.size(); ++rank) {
            if (all[rank * layers.size() + layer] == all[layer]) continue;
            // Rank 0's name for the layer, so that the message is the same everywhere.
            std::string name = layers[layer].name;
            comm.broadcast(name, 0);
            return fmt::format("First differing layer: {} ({} of {}).", name, layer + 1, layers.size());
        }
    }
    return "The layers' values are equal, but their names differ.";
}

std::string who_differs(const Communicator& comm, const std::vector<Group>& groups) {
    const Group& largest = groups.front();
    if (2 * largest.ranks.size() > comm.size()) {
        std::vector<std::size_t> minority;
        for (std::size_t i = 1; i < groups.size(); ++i) {
            minority.insert(minority.end(), groups[i].ranks.begin(), groups[i].ranks.end());
        }
        std::ranges::sort(minority);
        return fmt::format("{} of {} ranks agree; in the minority: {}.", largest.ranks.size(), comm.size(),
                           listing(comm, minority));
    }
    std::string text = fmt::format("There is no majority; {} groups:", groups.size());
    for (const Group& group : groups) text += fmt::format(" [{}]", listing(comm, group.ranks));
    return text + ".";
}

}  // namespace

Digest128 combined_digest(std::span<const LayerDigest> layers) {
    DigestBuilder builder;
    for (const LayerDigest& layer : layers) {
        const std::uint64_t record[] = {layer.digest.high, layer.digest.low, layer.name.size()};
        builder.update(std::span<const std::uint64_t>(record)).update(std::string_view(layer.name));
    }
    return builder.digest();
}

void check_replicas(const Communicator& comm, std::span<const LayerDigest> layers,
                    const std::string& moment) {
    const std::vector<Group> groups = group_ranks(comm.allgather_value(combined_digest(layers)));
    if (groups.size() == 1) return;
    const std::string where = first_difference(comm, layers);
    throw ReplicaError(fmt::format(
        "the replicas' parameters differ {}: {} {} A rank's memory, CPU or network has changed values, or "
        "the ranks run different programs; check those hosts, then resume from the last checkpoint",
        moment, who_differs(comm, groups), where));
}

}  // namespace lockstep
