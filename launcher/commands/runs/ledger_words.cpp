#include "launcher/commands/runs/ledger_words.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace lockstep {

namespace {

const char* kind_text(LedgerComparison::Kind kind) {
    switch (kind) {
        case LedgerComparison::kEqual:
            return "equal";
        case LedgerComparison::kGradient:
            return "gradient";
        case LedgerComparison::kParameters:
            return "parameters";
        case LedgerComparison::kModel:
            return "model";
        case LedgerComparison::kLayers:
            return "layers";
    }
    return "?";
}

std::string what_text(const LedgerComparison& comparison) {
    switch (comparison.kind) {
        case LedgerComparison::kModel:
            return "the digest of all parameters; run.ledger = step would say which step and layer";
        case LedgerComparison::kLayers:
            return "the networks have other layers";
        default:
            return fmt::format("the {} of {}", kind_text(comparison.kind),
                               fmt::join(comparison.layers, ", "));
    }
}

}  // namespace

std::string difference_text(const LedgerComparison& comparison) {
    return fmt::format("step {} (epoch {}): {}", comparison.step, comparison.epoch, what_text(comparison));
}

nlohmann::ordered_json difference_json(const LedgerComparison& comparison) {
    if (comparison.kind == LedgerComparison::kEqual) return nullptr;
    return {{"epoch", comparison.epoch},
            {"step", comparison.step},
            {"kind", kind_text(comparison.kind)},
            {"layers", comparison.layers},
            {"last_equal_step", comparison.last_equal_step}};
}

}  // namespace lockstep
