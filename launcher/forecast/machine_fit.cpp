#include "launcher/forecast/machine_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "comm/tree_allreduce.h"
#include "launcher/bench/bench_step.h"
#include "launcher/forecast/step_model.h"

namespace lockstep {

StepWork measured_work(const StepMeasurement& step, const Machine& machine) {
    const Network network(dense_network(step.layers), value_named<Arithmetic>(machine.arithmetic));
    Config config;
    config.training.global_batch = step.batch;
    config.optimizer = bench_optimizer(machine.optimizer);
    const BatchPlan plan(step.batch, step.batch, kBench_leaf, 1);
    StepWork work = step_work(config, network, plan, {step.ranks, step.per_host});
    work.at_once = step.at_once;
    return work;
}

namespace {

void add(std::vector<double>& sum, const std::vector<double>& counts) {
    sum.resize(counts.size(), 0.0);
    std::ranges::transform(sum, counts, sum.begin(), std::plus<>());
}

/// How many of each cost a whole pass has.
struct StepCounts {
    std::vector<double> forward, backward, update;
};

StepCounts counts_of(const StepMeasurement& step, const Machine& machine) {
    const StepWork work = measured_work(step, machine);
    const double far = far_share(work, machine);
    const auto samples = static_cast<double>(step.batch);
    StepCounts counts;
    for (const LayerWork& layer : work.layers) {
        add(counts.forward, forward_counts(layer, samples, far));
        add(counts.backward, gradient_counts(layer, samples, 1.0, far));
        add(counts.backward, delta_counts(layer, samples, far));
    }
    counts.update = {static_cast<double>(work.buckets.size()), work.parameters() * (1.0 - far),
                     work.parameters() * far};
    return counts;
}

/// The three fits with the cache that the machine has; returns what they leave.
double fit_passes(Machine& machine, std::span<const StepMeasurement> steps) {
    std::vector<Observation> forward, backward, update;
    for (const StepMeasurement& step : steps) {
        StepCounts counts = counts_of(step, machine);
        forward.push_back({std::move(counts.forward), step.forward});
        backward.push_back({std::move(counts.backward), step.backward});
        update.push_back({std::move(counts.update), step.optimizer});
    }
    machine.forward = fit_costs(forward);
    machine.backward = fit_costs(backward);
    machine.update = fit_costs(update);
    return machine.forward.relative_error + machine.backward.relative_error + machine.update.relative_error;
}

}  // namespace

void fit_computation(Machine& machine, std::span<const StepMeasurement> steps) {
    // Caches are shared and in levels; what they amount to for a rank is seen in its times alone.
    constexpr double kLeast_bytes = 0x1p18;
    constexpr int kDoublings = 10;
    double least = std::numeric_limits<double>::infinity();
    Machine best = machine;
    for (int doublings = 0; doublings <= kDoublings; ++doublings) {
        machine.cache_bytes = std::ldexp(kLeast_bytes, doublings);
        const double left = fit_passes(machine, steps);
        if (left >= least) continue;
        least = left;
        best = machine;
    }
    machine = best;
    std::vector<double> noise;
    for (const StepMeasurement& step : steps) noise.push_back(step.noise);
    machine.noise = spread_of(noise).median;
}

void fit_host_sum(Machine& machine, std::span<const OverlapMeasurement> steps) {
    // Less than this no clock tells apart.
    constexpr double kLeast_seconds = 1e-7;
    std::vector<Observation> observations;
    for (const OverlapMeasurement& step : steps) {
        const StepWork work = measured_work(step.together, machine);
        const double far = far_share(work, machine);
        const double more = step.together.step() - step.alone.step();
        observations.push_back({{static_cast<double>(work.buckets.size()), work.parameters() * (1.0 - far),
                                 work.parameters() * far},
                                std::max(more, kLeast_seconds)});
    }
    machine.host_sum = fit_costs(observations);
}

namespace {

/// Steps, bytes and bytes that are far, of a sum over hosts.
std::vector<double> network_counts(const SumMeasurement& sum, const Machine& machine) {
    const LeafPartition partition = partition_leaves(sum.ranks, sum.ranks);
    const bool halving = choose_algorithm(partition) == TreeAlgorithm::kHalving;
    const auto hosts = static_cast<double>(sum.ranks);
    const double bytes = static_cast<double>(sum.values) * sizeof(float);
    const double sent = 2.0 * (hosts - 1.0) / hosts * bytes;
    return {halving ? 2.0 * std::log2(hosts) : 2.0, sent, sent * far_share(bytes, machine.cache_bytes)};
}

/// The machine with the computation of one network as it was measured, so that what is left is the network's.
Machine calibrated(const Machine& machine, const StepMeasurement& alone) {
    const StepForecast found = forecast_step(machine, measured_work(alone, machine));
    Machine result = machine;
    result.forward.scale(alone.forward / found.forward);
    result.backward.scale(alone.backward / found.backward);
    result.update.scale(alone.optimizer / found.optimizer);
    return result;
}

/// The hidden rate and the slowdown by which the forecasts of the measured steps are nearest.
void fit_overlap(Machine& machine, std::span<const OverlapMeasurement> steps) {
    std::vector<Machine> machines;
    std::vector<StepWork> works;
    for (const OverlapMeasurement& step : steps) {
        machines.push_back(calibrated(machine, step.alone));
        works.push_back(measured_work(step.together, machine));
    }
    const auto misses = [&](double rate, double slowdown) {
        double squares = 0.0;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const StepMeasurement& measured = steps[i].together;
            machines[i].network->hidden_rate.value = rate;
            machines[i].network->slowdown.value = slowdown;
            const StepForecast found = forecast_step(machines[i], works[i]);
            const double backward = std::log(found.backward / measured.backward);
            const double whole = std::log(found.step() / measured.step());
            squares += backward * backward + whole * whole;
        }
        return squares;
    };
    constexpr int kParts = 20;
    double least = std::numeric_limits<double>::infinity();
    for (int r = 1; r <= kParts; ++r) {
        for (int s = 0; s <= 2 * kParts; ++s) {
            const double rate = static_cast<double>(r) / kParts;
            const double slowdown = static_cast<double>(s) / kParts;
            const double squares = misses(rate, slowdown);
            if (squares >= least) continue;
            least = squares;
            // No nearer than the grid is fine, or the times are apart.
            const double error =
                std::max(1.0 / kParts, std::sqrt(squares / (2.0 * static_cast<double>(steps.size()))));
            machine.network->hidden_rate = {rate, error * rate};
            machine.network->slowdown = {slowdown, error * slowdown};
        }
    }
}

}  // namespace

void fit_network(Machine& machine, const MessageMeasurement& messages, std::span<const SumMeasurement> sums,
                 std::span<const OverlapMeasurement> steps) {
    std::vector<Observation> observations;
    for (const SumMeasurement& sum : sums)
        observations.push_back({network_counts(sum, machine), sum.seconds});
    const LinearFit fit = fit_costs(observations);
    NetworkCosts network;
    network.relative_error = fit.relative_error;
    network.seconds_per_byte = fit.costs[1];
    network.far_seconds_per_byte = fit.costs[2];
    // A step of the sums is L + 2 o. Of short messages' way alone o is the part that the next one waits for.
    const double step = fit.costs[0].value > 0.0 ? fit.costs[0].value : messages.there_and_back / 2.0;
    network.overhead_seconds.value = std::min(messages.each_of_many, step / 2.0);
    network.latency_seconds = {step - 2.0 * network.overhead_seconds.value, fit.costs[0].error};
    network.overhead_seconds.error = network.overhead_seconds.value * fit.relative_error;
    machine.network = network;
    if (!steps.empty()) fit_overlap(machine, steps);
}

}  // namespace lockstep
