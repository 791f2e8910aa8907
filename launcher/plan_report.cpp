#include "launcher/plan_report.h"

#include <algorithm>

#include "comm/gradient_reducer.h"
#include "comm/tree_allreduce.h"
#include "core/data/batch_plan.h"
#include "core/network/network.h"
#include "core/training/optimizer.h"

namespace lockstep {

namespace {

void describe_layers(PlanReport& report, const Network& network) {
    std::size_t inputs = network.inputs();
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        std::size_t parameters = 0;
        for (const ParameterBlock& block : network.layout().blocks()) {
            if (block.layer == l) parameters += block.count();
        }
        const LayerSpec& layer = network.spec().layers[l];
        report.layers.push_back({to_string(layer), inputs, layer.units, parameters});
        inputs = layer.units;
    }
    report.parameters = network.layout().parameter_count();
}

void describe_work(PlanReport& report, const Config& config, const BatchPlan& plan, std::size_t samples) {
    report.training_samples = samples;
    report.global_batch = plan.batch(0, 0).samples;
    report.steps_per_epoch = plan.steps_per_epoch();
    const TrainingConfig& training = config.training;
    const std::size_t by_epochs = training.epochs * report.steps_per_epoch;
    report.steps = training.epochs == 0      ? training.max_steps
                   : training.max_steps == 0 ? by_epochs
                                             : std::min(by_epochs, training.max_steps);
    const Shard shard = plan.shard(plan.batch(0, 0), 0, report.ranks);
    for (std::size_t rank = 0; rank < report.ranks; ++rank) {
        report.leaves.push_back(shard.partition.ranges[rank].count());
        if (report.leaves.back() == 0) report.idle_ranks.push_back(rank);
    }
}

/// Nodes of the rank that owns most.
std::size_t most_nodes(const LeafPartition& partition) {
    std::size_t most = 0;
    for (std::size_t rank = 0; rank < partition.ranks(); ++rank) {
        most = std::max(most, partition.node_count(rank));
    }
    return most;
}

/// Leaves of the largest piece.
std::size_t most_leaves(std::span<const TreePiece> pieces) {
    std::size_t most = 0;
    for (const TreePiece& piece : pieces) {
        std::size_t leaves = 0;
        for (const TreePiece::Part& part : piece.parts) leaves += part.leaves.count();
        most = std::max(most, leaves);
    }
    return most;
}

void describe_memory(PlanReport& report, const Config& config, const Network& network,
                     const BatchPlan& plan) {
    const std::size_t arena_bytes = network.layout().arena_size() * sizeof(float);
    const std::size_t micro_batch = config.training.micro_batch;
    report.gradient_arena_bytes = arena_bytes;
    report.parameter_bytes = arena_bytes;
    // Of size 0: only its bookkeeping is asked.
    report.optimizer_bytes = arena_bytes * make_optimizer(config.optimizer, 0)->state_per_parameter();
    report.packed_bytes = network.packed_bytes();
    // Each term at the rank that needs most of it. All batches but an epoch's last one have the same shape.
    std::size_t arenas = 1;
    std::size_t samples = 0;
    for (const std::size_t step : {std::size_t{0}, plan.steps_per_epoch() - 1}) {
        const Batch batch = plan.batch(0, step);
        const LeafPartition partition = plan.shard(batch, 0, report.ranks).partition;
        for (std::size_t rank = 0; rank < report.ranks; ++rank) {
            const auto pieces = cut_into_pieces(partition.nodes_of(rank), micro_batch / plan.leaf());
            arenas = std::max(arenas, slot_count(pieces));
            samples = std::max(samples, std::min(most_leaves(pieces) * plan.leaf(), batch.samples));
        }
    }
    report.gradient_bytes = arena_bytes * arenas;
    report.activation_bytes = Workspace::bytes(network.spec(), samples);
}

/// The cost card of comm/tree_allreduce.h.
void describe_traffic(PlanReport& report, const Config& config, const Network& network,
                      const BatchPlan& plan) {
    std::vector<std::size_t> layer_counts;
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        layer_counts.push_back(network.layout().layer_range(l).count);
    }
    report.bucket_count = make_buckets(layer_counts, config.comm.bucket_bytes()).size();
    report.algorithm = "none";
    if (report.ranks == 1) return;
    if (config.comm.reduction == Reduction::kMpi) {
        report.algorithm = "mpi";
        return;
    }
    const LeafPartition partition = plan.shard(plan.batch(0, 0), 0, report.ranks).partition;
    const std::size_t others = report.gradient_arena_bytes / report.ranks * (report.ranks - 1);
    if (choose_algorithm(partition) == TreeAlgorithm::kHalving) {
        report.algorithm = "halving";
        report.sent_bytes_per_step = 2 * others;
        return;
    }
    report.algorithm = "direct";
    report.sent_bytes_per_step = (most_nodes(partition) + 1) * others;
}

}  // namespace

PlanReport make_plan(const Config& config, const NetworkSpec& spec, const Dataset& train, std::size_t ranks) {
    const Network network(spec, config.training.arithmetic);
    const BatchPlan plan(train.size(), config.training.global_batch, config.training.leaf,
                         config.training.seed);
    PlanReport report;
    report.ranks = ranks;
    describe_layers(report, network);
    describe_work(report, config, plan, train.size());
    describe_memory(report, config, network, plan);
    describe_traffic(report, config, network, plan);
    return report;
}

}  // namespace lockstep
