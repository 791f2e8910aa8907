#include "core/network/workspace.h"

#include "core/base/number.h"

#include <algorithm>

#include "core/network/network.h"

namespace lockstep {

namespace {

std::size_t widest(const Network& network) {
    std::size_t width = 0;
    for (std::size_t l = 0; l < network.layer_count(); ++l)
        width = std::max(width, network.layer(l).outputs());
    return width;
}

/// What Workspace::dropped holds of each sample, by place.
std::vector<std::size_t> dropped_widths(const Network& network, Passes passes) {
    const bool trains = passes == Passes::kTraining;
    std::vector<std::size_t> widths{trains && network.spec().input_dropout > 0.0F ? network.inputs() : 0};
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        const bool drops = trains && network.spec().layers[l].dropout > 0.0F;
        widths.push_back(drops ? network.layer(l).outputs() : 0);
    }
    return widths;
}

}  // namespace

Workspace::Workspace(const Network& network, std::size_t capacity, Passes passes)
    : capacity_(capacity), dropped_widths_(dropped_widths(network, passes)), scratch_(capacity) {
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        widths_.push_back(network.layer(l).outputs());
        outputs_.emplace_back(capacity * widths_.back());
        state_widths_.push_back(network.layer(l).state_per_sample());
        states_.emplace_back(capacity * state_widths_.back());
    }
    for (const std::size_t width : dropped_widths_) dropped_.emplace_back(capacity * width);
    for (Buffer<float>& delta : deltas_) delta = Buffer<float>(capacity * widest(network));
}

Matrix Workspace::output(std::size_t l, std::size_t b) { return {outputs_[l].data(), b, widths_[l]}; }

Matrix Workspace::state(std::size_t l, std::size_t b) { return {states_[l].data(), b, state_widths_[l]}; }

Matrix Workspace::delta(std::size_t l, std::size_t b) { return {deltas_[l % 2].data(), b, widths_[l]}; }

Matrix Workspace::dropped(std::size_t place, std::size_t b) {
    return {dropped_[place].data(), b, dropped_widths_[place]};
}

std::size_t Workspace::bytes(const Network& network, std::size_t capacity, Passes passes) {
    std::size_t per_sample = 2 * widest(network) + 1;
    for (const std::size_t width : dropped_widths(network, passes)) per_sample += width;
    for (std::size_t l = 0; l < network.layer_count(); ++l) {
        per_sample += network.layer(l).outputs() + network.layer(l).state_per_sample();
    }
    return saturating_product(capacity, saturating_product(per_sample, sizeof(float)));
}

}  // namespace lockstep
