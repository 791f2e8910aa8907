// The time of a training step from a machine's costs: a walk through the step as the trainer makes it.
//
// The rank that has most leaves computes, layer by layer; a bucket's sum within the host is made when its
// layers' gradients are there; between hosts it then travels behind what is left to compute, at the machine's
// hidden rate, and what has not arrived at the end is waited for. comm/README.md has the algorithms and their
// bytes.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "launcher/forecast/machine.h"
#include "launcher/forecast/step_work.h"

namespace lockstep {

/// Seconds of a step.
struct StepForecast {
    double forward = 0.0;
    double backward = 0.0;
    double within_host = 0.0;    ///< sums through shared memory
    double between_hosts = 0.0;  ///< waiting for the network
    double optimizer = 0.0;
    double slowest = 0.0;  ///< waiting for the slowest rank of many that are never quite equal

    double sent = 0.0;     ///< in which the host's link is busy, hidden or not
    double latency = 0.0;  ///< of all messages that come one after the other, hidden or not
    double bytes = 0.0;    ///< sent by a host

    [[nodiscard]] double step() const {
        return forward + backward + within_host + between_hosts + optimizer + slowest;
    }
};

/// The parts of a step, by name.
struct StepPhase {
    std::string_view name;
    double StepForecast::*seconds;
};
inline constexpr std::array<StepPhase, 6> kStepPhases{{{"forward", &StepForecast::forward},
                                                       {"backward", &StepForecast::backward},
                                                       {"within_host", &StepForecast::within_host},
                                                       {"between_hosts", &StepForecast::between_hosts},
                                                       {"optimizer", &StepForecast::optimizer},
                                                       {"slowest_rank", &StepForecast::slowest}}};

// How many of kPassCosts a layer has for so many samples. `far`: see far_share.
std::vector<double> forward_counts(const LayerWork& layer, double samples, double far);
/// `written`: how often the layer's gradient is written to memory, once for each node of the leaf tree.
std::vector<double> gradient_counts(const LayerWork& layer, double samples, double written, double far);
std::vector<double> delta_counts(const LayerWork& layer, double samples, double far);
/// The share of what a step uses on a rank, activations, weights, gradients and the optimizer's state, that
/// is far.
double far_share(const StepWork& work, const Machine& machine);

/// Bytes that a host sends of a bucket of `values`, the messages that come one after the other, and what they
/// take.
struct BucketTraffic {
    double bytes = 0.0;     ///< sent by a host
    double latency = 0.0;   ///< seconds, but for the bytes
    double overhead = 0.0;  ///< seconds of the CPU for messages beyond those
};
/// Of the gradients' sums up to where each is known to one host, and of their spreading. Requires a network.
BucketTraffic scatter_traffic(const StepWork& work, const NetworkCosts& network, double values);
BucketTraffic spread_traffic(const StepWork& work, const NetworkCosts& network, double values);

/// Requires what the ranks need: host_sum with several on a host, a network with several hosts.
StepForecast forecast_step(const Machine& machine, const StepWork& work);

}  // namespace lockstep
