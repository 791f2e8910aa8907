// The forward pass over a long run of samples, in pieces of bounded memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "core/data/dataset.h"
#include "core/network/network.h"
#include "launcher/score/sample_reader.h"

namespace lockstep {

/// Samples of a piece: enough for the products to run at full speed, few enough for the activations to stay
/// in cache.
inline constexpr std::size_t kPiece_samples = 512;

/// Forwards the samples first, …, first + count - 1 of the set and calls visit(done, samples, outputs, work)
/// for each piece: `done` samples of the run came before it, `outputs` are the last layer's, `work` holds all
/// layers'.
template <class Visit>
void forward_run(const Network& network, ParameterSource& parameters, const Dataset& dataset,
                 std::size_t first, std::size_t count, const Visit& visit) {
    const std::size_t capacity = std::min(kPiece_samples, count);
    Workspace work(network, capacity, Passes::kForward);
    SampleReader reader(dataset, capacity);
    for (std::size_t done = 0; done < count; done += capacity) {
        const Samples samples = reader.read_run(first + done, std::min(capacity, count - done));
        const Matrix outputs = network.forward(parameters, samples.x, work);
        visit(done, samples, outputs, work);
    }
}

}  // namespace lockstep
