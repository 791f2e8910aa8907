#include "launcher/train/gradient_collector.h"

#include "comm/watchdog.h"
#include "core/arithmetic/compression.h"
#include "core/arithmetic/elementwise.h"

namespace lockstep {

void GradientCollector::begin(const ShardWork& work, const ShardPiece& piece) {
    work_ = &work;
    piece_ = &piece;
    if (trace_ != nullptr) trace_->begin_layers();
}

std::span<float> GradientCollector::gradient(std::size_t layer, std::size_t node) {
    if (node > 0) finish_node(layer, piece_->tree.nodes[node - 1]);
    return run(layer, piece_->tree.nodes[node].slot);
}

void GradientCollector::gradient_done(std::size_t layer) {
    report_place(Place::kBackward, layer);
    if (!piece_->tree.nodes.empty()) finish_node(layer, piece_->tree.nodes.back());
    if (trace_ != nullptr) trace_->layer(layer);
    options_.turn();
    if (!options_.after_reading) start(layer);
}

void GradientCollector::layer_done(std::size_t layer) {
    if (options_.after_reading) start(layer);
}

std::span<float> GradientCollector::run(std::size_t layer, std::size_t slot) {
    const auto [first, count] = layout_.layer_range(layer);
    return reducer_.gradient(slot, first, count);
}

void GradientCollector::finish_node(std::size_t layer, const TreePiece::Node& node) {
    const std::span<float> sum = run(layer, node.slot);
    if (visit_ != nullptr) (*visit_)(layer, node, sum);
    if (options_.compression == Compression::kBf16) round_to_bf16(sum);
    if (options_.compression == Compression::kTopK && work_->whole_batch) {
        options_.feedback->compress(node.leaves.begin - work_->leaves.begin, layout_.layer_range(layer).first,
                                    sum);
    }
    const auto add = options_.compression == Compression::kBf16 ? add_rounded : add_values;
    for (const auto& [into, from] : node.merges) add(run(layer, into), run(layer, from));
}

void GradientCollector::start(std::size_t layer) {
    const bool last = piece_ == &work_->pieces.back();
    const auto [first, count] = layout_.layer_range(layer);
    if (last) reducer_.start(first, count);
}

}  // namespace lockstep
