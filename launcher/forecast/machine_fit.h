// From measurements to a machine's costs.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "launcher/forecast/machine.h"
#include "launcher/forecast/step_work.h"

namespace lockstep {

/// Seconds of steps of one network, of dense layers.
struct StepMeasurement {
    std::vector<std::size_t> layers;  ///< inputs, then the units of each
    std::size_t batch = 0;            ///< samples of all ranks
    std::size_t ranks = 1;
    std::size_t per_host = 1;  ///< of them
    std::size_t at_once = 1;   ///< ranks of a host that each made such a measurement
    double forward = 0.0;
    double backward = 0.0;
    double communication_exposed = 0.0;
    double optimizer = 0.0;
    double noise = 0.0;  ///< standard deviation of forward and backward together, relative

    [[nodiscard]] double step() const { return forward + backward + communication_exposed + optimizer; }
};

/// Seconds of a sum of `values` over ranks.
struct SumMeasurement {
    std::size_t ranks = 1;
    std::size_t values = 0;
    double seconds = 0.0;
};

/// Seconds of short messages between two hosts.
struct MessageMeasurement {
    double there_and_back = 0.0;
    double each_of_many = 0.0;  ///< of those sent without waiting for the ones before
};

/// A step on several ranks, and the share of one of them by itself: of the same network, the batch divided.
struct OverlapMeasurement {
    StepMeasurement alone;
    StepMeasurement together;
};

/// Sets cache_bytes, forward, backward, update and noise, by steps on single ranks. Requires arithmetic and
/// optimizer.
void fit_computation(Machine& machine, std::span<const StepMeasurement> steps);
/// Sets host_sum, by what a step takes longer on the ranks of one host together: the sums, reading what
/// others' caches hold, and waiting for each other. Requires the costs of computation.
void fit_host_sum(Machine& machine, std::span<const OverlapMeasurement> steps);
/// Sets the network, by sums over ranks that are each on a host of its own, and steps on them where there are
/// any. Requires the costs of computation.
void fit_network(Machine& machine, const MessageMeasurement& messages, std::span<const SumMeasurement> sums,
                 std::span<const OverlapMeasurement> steps);

/// A step as it was measured, as work to forecast.
StepWork measured_work(const StepMeasurement& step, const Machine& machine);

}  // namespace lockstep
