// The grouping of ranks, and one walk over the tree's merges that tells the hosts' own from those above them.
#include "comm/host_layout.h"

#include <algorithm>
#include <numeric>

#include "comm/mpi_error.h"

namespace lockstep {

HostLayout::HostLayout(std::span<const std::size_t> host_labels) {
    std::vector<std::size_t> label_of_host;
    for (std::size_t rank = 0; rank < host_labels.size(); ++rank) {
        const auto known = std::ranges::find(label_of_host, host_labels[rank]);
        const auto host = static_cast<std::size_t>(known - label_of_host.begin());
        if (known == label_of_host.end()) {
            label_of_host.push_back(host_labels[rank]);
            ranks_on_.emplace_back();
        }
        host_of_.push_back(host);
        ranks_on_[host].push_back(rank);
    }
}

HostLayout HostLayout::of(const Communicator& comm) {
    const auto lowest = comm.split_by_memory().min(static_cast<std::int64_t>(comm.rank()));
    return HostLayout(comm.allgather_value(static_cast<std::size_t>(lowest)));
}

HostLayout HostLayout::apart(std::size_t ranks) {
    std::vector<std::size_t> labels(ranks);
    std::iota(labels.begin(), labels.end(), std::size_t{0});
    return HostLayout(labels);
}

std::size_t HostLayout::local_rank(std::size_t rank) const {
    const std::vector<std::size_t>& neighbours = ranks_on_[host_of_[rank]];
    return static_cast<std::size_t>(std::ranges::find(neighbours, rank) - neighbours.begin());
}

std::size_t HostLayout::fewest_ranks() const {
    return std::ranges::min_element(ranks_on_, {}, &std::vector<std::size_t>::size)->size();
}

namespace {

/// (nodes) the host of the rank that owns each node.
std::vector<std::size_t> hosts_of_nodes(const LeafPartition& partition, const HostLayout& layout) {
    std::vector<std::size_t> hosts;
    for (std::size_t rank = 0; rank < partition.ranks(); ++rank) {
        hosts.insert(hosts.end(), partition.node_count(rank), layout.host_of(rank));
    }
    return hosts;
}

/// Takes `right` into `left`, as the merge of their first nodes says. The merges still name the partition's
/// nodes.
void join(HostSubtree& left, HostSubtree& right) {
    left.nodes.insert(left.nodes.end(), right.nodes.begin(), right.nodes.end());
    left.merges.insert(left.merges.end(), right.merges.begin(), right.merges.end());
    left.merges.push_back({left.nodes.front(), right.nodes.front()});
    right = {};
}

/// Makes the merges name the places in `nodes`.
void count_from_own_first(HostSubtree& subtree) {
    const auto place = [&](std::size_t node) {
        return static_cast<std::size_t>(std::ranges::lower_bound(subtree.nodes, node) -
                                        subtree.nodes.begin());
    };
    for (Merge& merge : subtree.merges) merge = {place(merge.into), place(merge.from)};
}

}  // namespace

TreeOverHosts split_by_host(const LeafPartition& partition, const HostLayout& layout) {
    const std::vector<std::size_t> host = hosts_of_nodes(partition, layout);
    std::vector<HostSubtree> subtrees(host.size());  // by first node; empty once joined to another
    for (std::size_t node = 0; node < host.size(); ++node) subtrees[node].nodes = {node};
    std::vector<bool> has_left(host.size(), false);  // the sum in this node holds another host's values
    std::vector<Merge> above;
    for (const Merge& merge : partition.merges) {
        const bool same_host = host[merge.into] == host[merge.from];
        if (same_host && !has_left[merge.into] && !has_left[merge.from]) {
            join(subtrees[merge.into], subtrees[merge.from]);
        } else {
            has_left[merge.into] = true;
            above.push_back(merge);
        }
    }

    TreeOverHosts tree;
    tree.within.resize(layout.hosts());
    tree.across.leaves = partition.leaves;
    tree.across.ranges.resize(layout.hosts());
    tree.across.first_node.push_back(0);
    std::vector<std::size_t> place(host.size());  // of a subtree's first node among the nodes of `across`
    for (std::size_t h = 0; h < layout.hosts(); ++h) {
        for (std::size_t node = 0; node < host.size(); ++node) {
            HostSubtree& subtree = subtrees[node];
            if (host[node] != h || subtree.nodes.empty()) continue;
            place[node] = tree.across.nodes.size();
            tree.across.nodes.push_back(
                {partition.nodes[node].begin, partition.nodes[subtree.nodes.back()].end});
            count_from_own_first(subtree);
            tree.within[h].push_back(std::move(subtree));
        }
        tree.across.first_node.push_back(tree.across.nodes.size());
    }
    for (const Merge& merge : above) tree.across.merges.push_back({place[merge.into], place[merge.from]});
    return tree;
}

}  // namespace lockstep
