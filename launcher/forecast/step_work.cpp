#include "launcher/forecast/step_work.h"

#include <algorithm>

#include "comm/host_layout.h"
#include "comm/tree_allreduce.h"
#include "core/training/optimizer.h"
#include "launcher/train/shard_work.h"

namespace lockstep {

double StepWork::parameters() const {
    double sum = 0.0;
    for (const LayerWork& layer : layers) sum += layer.weights;
    return sum;
}

double moved_per_update(const OptimizerOptions& optimizer) {
    // The parameter is read and written, so is its state; the gradient is read.
    return 3.0 + 2.0 * static_cast<double>(make_optimizer(optimizer, 0)->state_per_parameter());
}

StepWork network_work(const Network& network, std::size_t bucket_bytes) {
    StepWork work;
    std::vector<std::size_t> counts;
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        counts.push_back(network.layout().layer_range(l).count);
        work.layers.push_back({.inputs = static_cast<double>(network.input_shape(l).count()),
                               .outputs = static_cast<double>(network.layer(l).outputs()),
                               .weights = static_cast<double>(counts.back()),
                               .delta = l > network.lowest()});
    }
    work.buckets = make_buckets(counts, bucket_bytes);
    for (std::size_t l = 0; l < counts.size(); ++l) {
        const std::size_t first = network.layout().layer_range(l).first;
        work.layers[l].bucket = std::min(bucket_of(work.buckets, first), work.buckets.size() - 1);
    }
    return work;
}

namespace {

void describe_share(StepWork& work, const Config& config, const BatchPlan& plan,
                    const LeafPartition& partition) {
    const ShardCut cut = cut_of(config);
    work.by_leaf = cut.by_leaf;
    work.leaf = static_cast<double>(plan.leaf());
    work.leaves = partition.leaves;
    work.fewest_leaves = partition.leaves;
    std::size_t most = 0;
    for (std::size_t rank = 0; rank < partition.ranks(); ++rank) {
        const std::size_t leaves = partition.ranges[rank].count();
        if (leaves == 0) continue;
        ++work.busy_ranks;
        work.fewest_leaves = std::min(work.fewest_leaves, leaves);
        if (leaves > partition.ranges[most].count()) most = rank;
    }
    work.most_leaves = partition.ranges[most].count();
    const Batch batch = plan.batch(0, 0);
    work.batch_samples = batch.samples;
    for (const ShardPiece& piece : ShardWork(plan, batch, cut, most, partition.ranks()).pieces) {
        work.pieces.push_back(piece.samples);
    }
}

void describe_tree(StepWork& work, const LeafPartition& partition) {
    std::vector<std::size_t> hosts;
    for (std::size_t rank = 0; rank < work.ranks.ranks; ++rank) hosts.push_back(rank / work.ranks.per_host);
    const LeafPartition across = split_by_host(partition, HostLayout(hosts)).across;
    work.halving = choose_algorithm(across) == TreeAlgorithm::kHalving;
    work.sums = across.nodes.size();
    work.most_sums = 0;
    for (std::size_t host = 0; host < across.ranks(); ++host) {
        work.most_sums = std::max(work.most_sums, across.node_count(host));
    }
}

}  // namespace

StepWork step_work(const Config& config, const Network& network, const BatchPlan& plan, Ranks ranks) {
    StepWork work = network_work(network, config.comm.bucket_bytes());
    work.ranks = ranks;
    work.at_once = std::min(ranks.per_host, ranks.ranks);
    const LeafPartition partition = plan.shard(plan.batch(0, 0), 0, ranks.ranks).partition;
    describe_share(work, config, plan, partition);
    describe_tree(work, partition);
    work.sharding = config.comm.sharding;
    work.compression = config.comm.compression;
    work.keep = config.comm.keep;
    work.moved_per_update = moved_per_update(config.optimizer);
    return work;
}

}  // namespace lockstep
