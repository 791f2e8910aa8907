// Whole training steps of a dense network on samples in memory, measured phase by phase.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "core/network/network_spec.h"
#include "core/training/optimizer.h"
#include "launcher/bench/bench.h"
#include "launcher/telemetry/phases.h"

namespace lockstep {

/// Inputs, then the units of dense layers: relu, and softmax at the end.
NetworkSpec dense_network(const std::vector<std::size_t>& layers);

/// With which steps are measured: what describes them has to take the same.
inline constexpr std::size_t kBench_leaf = 32;
inline OptimizerOptions bench_optimizer(const std::string& name) { return {.name = name, .momentum = 0.9F}; }

/// Seconds of every step that was measured.
struct StepTimes {
    std::vector<double> step;
    std::vector<double> forward;
    std::vector<double> backward;
    std::vector<double> communication_exposed;
    std::vector<double> optimizer;
    double communication_alone = 0.0;  ///< of one reduction; 0 for one rank

    void add(double seconds, const PhaseSeconds& phases);
};

/// Steps for about input.seconds, 15 or more. Throws ConfigError through agree where the batch or the network
/// is more than this machine can hold. Collective.
StepTimes measure_steps(const Communicator& comm, const BenchInput& input);

}  // namespace lockstep
