#include "launcher/train/plan_report.h"

#include <algorithm>

#include "comm/gradient_reducer.h"
#include "comm/tree_allreduce.h"
#include "core/base/number.h"
#include "core/data/batch_plan.h"
#include "core/network/network.h"
#include "core/training/optimizer.h"
#include "launcher/options/config_rules.h"
#include "launcher/recovery/gradient_audit.h"
#include "launcher/train/shard_work.h"

namespace lockstep {

namespace {

void describe_layers(PlanReport& report, const Network& network) {
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        std::size_t parameters = 0;
        for (const ParameterBlock& block : network.layout().blocks_of(l)) parameters += block.count();
        const std::size_t outputs = network.layer(l).outputs();
        report.layers.push_back(
            {to_string(network.spec().layers[l]), network.input_shape(l).count(), outputs, parameters});
        report.neurons += outputs;
    }
    report.hidden_neurons = report.neurons - network.outputs();
    report.parameters = network.layout().parameter_count();
}

void describe_work(PlanReport& report, const Config& config, const BatchPlan& plan, std::size_t samples) {
    report.training_samples = samples;
    report.global_batch = plan.batch(0, 0).samples;
    report.steps_per_epoch = plan.steps_per_epoch();
    const TrainingConfig& training = config.training;
    report.steps = training.steps(report.steps_per_epoch);
    const LearningRate rate(config.learning_rate, report.steps_per_epoch, report.steps);
    report.first_rate = rate.at(1, {});
    report.last_rate = rate.at(std::max<std::size_t>(report.steps, 1), {});
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

std::vector<Slice> buckets_of(const Config& config, const Network& network) {
    std::vector<std::size_t> layer_counts;
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        layer_counts.push_back(network.layout().layer_range(l).count);
    }
    return make_buckets(layer_counts, config.comm.bucket_bytes());
}

/// What sharding leaves on a rank that is alone on its host.
struct Shares {
    std::size_t owned_bytes = 0;  ///< the elements it updates
    std::size_t live_bytes = 0;   ///< the gradients it is at work on: two buckets'
    std::size_t read_bytes = 0;   ///< the parameters it reads, beside those it owns: two buckets'
};

Shares shares_of(const Config& config, const Network& network, std::size_t ranks) {
    const std::vector<Slice> buckets = buckets_of(config, network);
    Shares shares;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
        std::size_t owned = 0;
        for (const Slice& bucket : buckets) owned += owned_slice(bucket.count, rank, ranks).count;
        shares.owned_bytes = std::max(shares.owned_bytes, owned * sizeof(float));
    }
    for (const Slice& bucket : buckets) {
        shares.live_bytes = std::max(shares.live_bytes, 2 * bucket.count * sizeof(float));
    }
    shares.read_bytes = ranks > 1 ? shares.live_bytes : 0;
    return shares;
}

/// What a rank alone on its host sends of its parameters in a step: every bucket for the forward pass, and
/// for the backward pass all but the one that is still there and those of the lowest layer alone where it
/// reads none.
std::size_t gathered_bytes(const Config& config, const Network& network, std::size_t ranks) {
    const std::vector<Slice> buckets = buckets_of(config, network);
    std::size_t values = 0;
    for (std::size_t b = 0; b < buckets.size(); ++b) {
        const bool backward = b > 0 && (network.backward_reads(network.lowest()) ||
                                        buckets[b].begin + buckets[b].count >
                                            network.layout().layer_range(network.lowest()).count);
        values += (backward ? 2 : 1) * owned_slice(buckets[b].count, 0, ranks).count;
    }
    return values * (ranks - 1) * sizeof(float);
}

void describe_memory(PlanReport& report, const Config& config, const Network& network,
                     const BatchPlan& plan) {
    const std::size_t arena_bytes = network.layout().arena_size() * sizeof(float);
    report.gradient_arena_bytes = arena_bytes;
    const Shares shares = shares_of(config, network, report.ranks);
    const bool sharded = config.comm.sharding == Sharding::kParameters;
    report.parameter_bytes = sharded ? shares.owned_bytes + shares.read_bytes : arena_bytes;
    // Of size 0: only its bookkeeping is asked.
    const auto optimizer = make_optimizer(config.optimizer, 0);
    // Whole layers are gathered in an arena of their own.
    report.optimizer_bytes = (config.comm.sharding == Sharding::kNone ? arena_bytes : shares.owned_bytes) *
                             (optimizer->state_per_parameter() + (optimizer->needs_whole_layers() ? 1 : 0));
    // So is what a rank updates by of the gradient for its norm, unless the optimizer has done it, and an
    // epoch's.
    const std::size_t share_bytes =
        config.comm.sharding == Sharding::kNone ? arena_bytes : shares.owned_bytes;
    if (config.training.takes_norms() && !optimizer->needs_whole_layers())
        report.optimizer_bytes += share_bytes;
    if (config.training.takes_epoch_norms()) report.optimizer_bytes += share_bytes;
    if (config.training.keep_best) report.best_bytes = sharded ? shares.owned_bytes : arena_bytes;
    report.audit_every = config.run.audit_every.value_or(
        usual_audit_interval(network.layout().parameter_count(), plan.batch(0, 0).samples));
    if (report.audit_every > 0) {
        report.audit_bytes = audit_bytes(network.layout(), audit_windows(config, network.layout()));
    }
    report.packed_bytes = network.packed_bytes();
    // Each term at the rank that needs most of it.
    ShardBounds bounds;
    for (std::size_t rank = 0; rank < report.ranks; ++rank) {
        bounds = bounds.most(shard_bounds(plan, cut_of(config), rank, report.ranks));
    }
    report.gradient_bytes =
        (sharded ? shares.live_bytes : arena_bytes) * std::max<std::size_t>(bounds.arenas, 1);
    if (config.comm.compression == Compression::kTopK)
        report.kept_back_bytes = saturating_product(bounds.leaves, arena_bytes);
    const std::size_t arrays = 1 + optimizer->state_per_parameter() + (config.training.keep_best ? 1 : 0) +
                               (config.training.takes_epoch_norms() ? 1 : 0);
    report.checkpoint_bytes = share_bytes * arrays + report.kept_back_bytes;
    report.activation_bytes = Workspace::bytes(network, bounds.piece_samples);
}

/// The cost card of comm/tree_allreduce.h.
void describe_traffic(PlanReport& report, const Config& config, const Network& network,
                      const BatchPlan& plan) {
    report.bucket_count = buckets_of(config, network).size();
    report.algorithm = "none";
    if (report.ranks == 1) return;
    if (config.comm.reduction == Reduction::kMpi) {
        report.algorithm = "mpi";
        return;
    }
    const LeafPartition partition = plan.shard(plan.batch(0, 0), 0, report.ranks).partition;
    const std::size_t plain = report.gradient_arena_bytes / report.ranks * (report.ranks - 1);
    // How many values of top-k meet in a sum is not known before; each has twice its bytes.
    const std::size_t others = config.comm.compression == Compression::kBf16 ? plain / 2 : plain;
    const bool halving = choose_algorithm(partition) == TreeAlgorithm::kHalving;
    report.algorithm = halving ? "halving" : "direct";
    const std::size_t scattered = (halving ? 1 : most_nodes(partition)) * others;
    report.sent_bytes_per_step = scattered + (config.comm.sharding == Sharding::kParameters
                                                  ? gathered_bytes(config, network, report.ranks)
                                              : config.comm.sharding == Sharding::kOptimizer ? plain
                                                                                             : others);
}

void describe_shards(PlanReport& report, Config config, const Network& network, const BatchPlan& plan) {
    for (const std::string_view name : names_of<Sharding>) {
        config.comm.sharding = value_named<Sharding>(name);
        if (!go_together(config)) continue;
        PlanReport choice;
        choice.ranks = report.ranks;
        describe_memory(choice, config, network, plan);
        describe_traffic(choice, config, network, plan);
        report.shards.push_back({std::string(name), choice.memory_bytes(), choice.sent_bytes_per_step});
    }
}

}  // namespace

PlanReport make_plan(const Config& config, const NetworkSpec& spec, const Dataset& train, std::size_t ranks) {
    const Network network(spec, config.training.arithmetic);
    const BatchPlan plan(train.size(), config.training.global_batch, config.training.leaf,
                         config.training.seed, config.training.order);
    PlanReport report;
    report.ranks = ranks;
    describe_layers(report, network);
    describe_work(report, config, plan, train.size());
    describe_memory(report, config, network, plan);
    if (config.data.prefetch > 0) {
        // The batches ahead, and the one at hand. No rank has more samples than the first.
        const std::size_t samples = shard_bounds(plan, cut_of(config), 0, ranks).samples;
        report.read_ahead_bytes = (config.data.prefetch + 1) * samples * train.expected_sample_bytes();
    }
    describe_traffic(report, config, network, plan);
    describe_shards(report, config, network, plan);
    report.shard = name_of(config.comm.sharding);
    report.compression = name_of(config.comm.compression);
    return report;
}

}  // namespace lockstep
