// What a run would do on a given number of ranks: work, memory and traffic, worked out without training.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/network/network_spec.h"
#include "launcher/options/config.h"

namespace lockstep {

struct PlanReport {
    struct LayerPart {
        std::string text;  ///< as in the configuration
        std::size_t inputs = 0;
        std::size_t outputs = 0;
        std::size_t parameters = 0;
    };

    std::size_t ranks = 1;
    std::vector<LayerPart> layers;
    std::size_t parameters = 0;
    std::size_t neurons = 0;         ///< of all layers
    std::size_t hidden_neurons = 0;  ///< but the last

    std::size_t training_samples = 0;
    std::size_t global_batch = 0;
    std::size_t steps_per_epoch = 0;
    std::size_t steps = 0;            ///< in all
    float first_rate = 0.0F;          ///< the learning rate of the first step
    float last_rate = 0.0F;           ///< of the last; with schedule = adaptive if the error never changed
    std::vector<std::size_t> leaves;  ///< of a whole batch, for each rank
    std::vector<std::size_t> idle_ranks;  ///< without a leaf

    // Memory of the rank that needs most, in bytes; with sharding, of ranks that are each on a host of their
    // own: those that share one need less.
    std::string shard;  ///< comm.shard
    std::size_t parameter_bytes = 0;
    std::size_t gradient_bytes = 0;  ///< for each node of the leaf tree that it owns, more with micro_batch
    std::size_t optimizer_bytes = 0;
    std::size_t kept_back_bytes = 0;   ///< of top-k compression's leaves, until later steps
    std::size_t best_bytes = 0;        ///< the best check's parameters, with training.keep = best
    std::size_t checkpoint_bytes = 0;  ///< the copy of the state that is written beside the training
    std::size_t audit_bytes = 0;       ///< a gradient that another rank computed, unless run.audit_every is 0
    std::size_t audit_every = 0;       ///< steps between audits
    std::size_t packed_bytes = 0;      ///< rounded copies of the weights, in bf16
    std::size_t activation_bytes = 0;
    std::size_t read_ahead_bytes = 0;  ///< of batches that a thread reads ahead: data.prefetch
    [[nodiscard]] std::size_t memory_bytes() const {
        return parameter_bytes + gradient_bytes + optimizer_bytes + kept_back_bytes + best_bytes +
               checkpoint_bytes + audit_bytes + packed_bytes + activation_bytes + read_ahead_bytes;
    }

    std::string compression;       ///< comm.compression
    std::string algorithm;         ///< "none", "halving", "direct", "mpi"
    std::size_t bucket_count = 0;  ///< reductions of a step
    std::size_t gradient_arena_bytes = 0;
    /// Bytes that the rank which sends most sends in a step on a whole batch: for the gradients, and for
    /// parameters that are sharded. 0 with mpi: the library's choice. With top_k at the most.
    std::size_t sent_bytes_per_step = 0;

    /// What every choice of comm.shard that goes with the rest of the configuration would need.
    struct Choice {
        std::string shard;
        std::size_t memory_bytes = 0;
        std::size_t sent_bytes_per_step = 0;
    };
    std::vector<Choice> shards;
};

/// Requires ranks > 0 and `spec` as check_against_data returns it. Allocates nothing of the network's
/// size.
PlanReport make_plan(const Config& config, const NetworkSpec& spec, const Dataset& train, std::size_t ranks);

}  // namespace lockstep
