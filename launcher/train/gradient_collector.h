// Takes the gradients of a rank's pieces from the backward pass, and gives their sums to the reducer.
#pragma once

#include <functional>
#include <utility>

#include "comm/gradient_reducer.h"
#include "core/network/gradient_sink.h"
#include "core/network/parameter_layout.h"
#include "core/training/error_feedback.h"
#include "launcher/telemetry/trace.h"
#include "launcher/train/shard_work.h"

namespace lockstep {

/// Sees what this rank computed of a layer's gradient, of all samples of a node of the leaf tree, before
/// anything is done to it; whatever it writes there is what goes up the tree.
using VisitNode =
    std::function<void(std::size_t layer, const TreePiece::Node& node, std::span<float> gradient)>;

struct CollectorOptions {
    Compression compression = Compression::kNone;
    ErrorFeedback* feedback = nullptr;  ///< with kTopK
    /// Whether a layer may be given to the reducer only when its parameters are read no more: with sharding,
    /// where they may change at any moment from then on.
    bool after_reading = false;
    /// Called after each layer, for transfers that want a turn.
    std::function<void()> turn;
};

/// Each node's gradient is compressed, where it is to be, and added to those of earlier nodes while they are
/// in cache; after the last piece a layer's sums go to the reducer.
class GradientCollector : public GradientSink {
  public:
    /// `reducer` and `layout` must outlive it.
    GradientCollector(GradientReducer& reducer, const ParameterLayout& layout, CollectorOptions options)
        : reducer_(reducer), layout_(layout), options_(std::move(options)) {}

    /// A step begins, which `visit` sees all nodes of, unless it is null. It must live until the next one.
    void begin_step(const VisitNode* visit) { visit_ = visit; }
    /// The gradients that follow are of this piece of `work`. Both must live until the pass is over.
    void begin(const ShardWork& work, const ShardPiece& piece);

    /// Lets a trace, which must outlive the collector, see how long each layer takes; null: none.
    void trace(Trace* trace) { trace_ = trace; }

    std::span<float> gradient(std::size_t layer, std::size_t node) override;
    void gradient_done(std::size_t layer) override;
    void layer_done(std::size_t layer) override;

  private:
    /// The layer's gradient in one of the reducer's arenas.
    [[nodiscard]] std::span<float> run(std::size_t layer, std::size_t slot);
    void finish_node(std::size_t layer, const TreePiece::Node& node);
    void start(std::size_t layer);

    GradientReducer& reducer_;
    const ParameterLayout& layout_;
    CollectorOptions options_;
    const ShardWork* work_ = nullptr;
    const ShardPiece* piece_ = nullptr;
    const VisitNode* visit_ = nullptr;
    Trace* trace_ = nullptr;
};

}  // namespace lockstep
