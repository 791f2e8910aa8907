// What a rank does of a batch: its share, the pieces in which that goes through the model, and the memory
// these need.
#pragma once

#include <cstddef>
#include <vector>

#include "comm/gradient_reducer.h"
#include "core/data/batch_plan.h"
#include "core/network/parameter_layout.h"
#include "launcher/options/config.h"

namespace lockstep {

/// How a rank's share goes through the network (BatchPlan::pieces).
struct ShardCut {
    std::size_t micro_batch = 0;  ///< samples of a piece at most; 0: all at once
    bool by_leaf = false;         ///< every leaf's gradient by itself: with compression
};

ShardCut cut_of(const Config& config);

/// What an audit compares at a time (AuditOptions): one bucket's layers where no rank holds more gradients,
/// or a whole one takes more than a quarter of a GiB.
std::vector<Slice> audit_windows(const Config& config, const ParameterLayout& layout);

/// What a rank does of one batch, and of every other one of that size.
struct ShardWork {
    ShardWork(const BatchPlan& plan, const Batch& batch, ShardCut cut, std::size_t rank, std::size_t ranks);

    std::size_t batch_samples;  ///< of the whole batch
    bool whole_batch;           ///< not one that is shorter than the others
    std::size_t first = 0;      ///< of the share's samples, within the batch
    LeafRange leaves;           ///< of the share, within the batch
    Shard shard;
    std::vector<ShardPiece> pieces;  ///< at least one
};

/// The most that a rank is ever given of a batch: what it holds memory for.
struct ShardBounds {
    std::size_t leaves = 0;         ///< of its share of a whole batch
    std::size_t arenas = 0;         ///< gradient arenas: slots of its pieces
    std::size_t samples = 0;        ///< of its share
    std::size_t piece_samples = 0;  ///< of a piece

    /// Each term at the one of the two that needs more.
    [[nodiscard]] ShardBounds most(const ShardBounds& other) const;
};
ShardBounds shard_bounds(const BatchPlan& plan, ShardCut cut, std::size_t rank, std::size_t ranks);

}  // namespace lockstep
