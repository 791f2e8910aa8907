// Which ranks share a host's memory, and how the leaf tree falls into sums within hosts and the tree above
// them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "core/base/leaf_tree.h"

namespace lockstep {

/// The ranks of a job grouped by host. Hosts are numbered by their lowest ranks; a host's ranks are counted
/// in ascending order, need not be neighbours, and may be more on one host than on another.
class HostLayout {
  public:
    /// host_labels (ranks): equal labels mean one host; their values have no other meaning.
    explicit HostLayout(std::span<const std::size_t> host_labels);

    /// The hosts as MPI sees them: ranks that can share memory. Collective.
    static HostLayout of(const Communicator& comm);
    /// Every rank a host of its own: nothing is shared.
    static HostLayout apart(std::size_t ranks);

    [[nodiscard]] std::size_t ranks() const { return host_of_.size(); }
    [[nodiscard]] std::size_t hosts() const { return ranks_on_.size(); }
    [[nodiscard]] std::size_t host_of(std::size_t rank) const { return host_of_[rank]; }
    /// The host's ranks, ascending.
    [[nodiscard]] const std::vector<std::size_t>& ranks_on(std::size_t host) const { return ranks_on_[host]; }
    /// How many of its host's ranks come before `rank`.
    [[nodiscard]] std::size_t local_rank(std::size_t rank) const;
    /// Ranks on the host that has the fewest.
    [[nodiscard]] std::size_t fewest_ranks() const;

  private:
    std::vector<std::size_t> host_of_;                // (ranks)
    std::vector<std::vector<std::size_t>> ranks_on_;  // (hosts)
};

/// A subtree whose nodes all lie on one host.
struct HostSubtree {
    std::vector<std::size_t> nodes;  ///< indices into LeafPartition::nodes, ascending
    std::vector<Merge> merges;       ///< of `nodes`, whose sum ends in nodes[0]
};

/// The leaf tree above a partition's nodes, cut where it leaves the hosts.
struct TreeOverHosts {
    /// (hosts) the largest subtrees that each host can add up by itself, ascending: one where the hosts'
    /// leaves are subtrees of the whole, several where they are not or where a host's ranks are not
    /// neighbours.
    std::vector<std::vector<HostSubtree>> within;
    /// The tree above them, the hosts in the place of the ranks. Its nodes are grouped by host, so they
    /// ascend only within each; `ranges` are left empty.
    LeafPartition across;
};

/// Requires partition.ranks() == layout.ranks().
TreeOverHosts split_by_host(const LeafPartition& partition, const HostLayout& layout);

}  // namespace lockstep
