// `lockstep bench step`: the seconds of whole training steps and of their phases.
#include "launcher/bench/bench_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/philox.h"
#include "core/base/threads.h"
#include "core/network/network_learner.h"
#include "launcher/bench/bench.h"
#include "launcher/options/config.h"
#include "launcher/run/printing.h"
#include "launcher/run/stopwatch.h"
#include "launcher/score/memory_check.h"
#include "launcher/train/replica.h"

namespace lockstep {

namespace {

constexpr std::size_t kWarmUp_steps = 5;
constexpr std::size_t kFewest_steps = 15;

/// Floating-point operations of a step on the whole batch: two for each weight and sample in the forward
/// pass, in the weight gradient, and, above the first layer, in the input delta.
double step_flops(const std::vector<std::size_t>& layers, std::size_t batch) {
    double flops = 0.0;
    for (std::size_t l = 1; l < layers.size(); ++l) {
        const double weights = static_cast<double>(layers[l - 1]) * static_cast<double>(layers[l]);
        flops += 2.0 * weights * (l == 1 ? 2.0 : 3.0);
    }
    return flops * static_cast<double>(batch);
}

/// One shard of made-up samples: inputs in [0, 1), half of them zero as in images, and random classes.
struct BenchSamples {
    Buffer<float> x;
    std::vector<std::int32_t> labels;

    BenchSamples(const Shard& shard, std::size_t inputs, std::size_t classes)
        : x(shard.samples * inputs), labels(shard.samples) {
        const RandomStream stream(1, RandomPurpose::kSyntheticData);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const float u = uniform01(stream.block(shard.first * inputs + i)[0]);
            x[i] = u < 0.5F ? 0.0F : u;
        }
        for (std::size_t r = 0; r < labels.size(); ++r) {
            labels[r] = static_cast<std::int32_t>(stream.block(shard.first + r, 1)[0] % classes);
        }
    }
};

/// Throws ConfigError where the batch or the network is more than this machine can hold.
void check_memory(const BenchInput& input, const NetworkSpec& spec, const ReplicaOptions& options,
                  std::size_t ranks) {
    const auto machine = static_cast<double>(machine_memory_bytes());
    const Network trial(spec, value_named<Arithmetic>(input.arithmetic));
    const std::size_t arena = trial.layout().arena_size();
    const double values =
        static_cast<double>(options.bounds.samples) * static_cast<double>(spec.inputs.count());
    const double batch =
        values * sizeof(float) + static_cast<double>(Workspace::bytes(trial, options.bounds.piece_samples));
    const double network = 3.0 * static_cast<double>(arena) * sizeof(float);
    if (batch + network <= machine) return;
    throw ConfigError(
        fmt::format("--{}: takes {:.3g} GiB on each of {} rank{}, but this machine has {:.3g} GiB; "
                    "choose a smaller one",
                    batch > network ? fmt::format("global_batch {}", input.global_batch)
                                    : fmt::format("layers {}", fmt::join(input.layers, "-")),
                    (batch + network) / 0x1p30, ranks, ranks == 1 ? "" : "s", machine / 0x1p30));
}

}  // namespace

NetworkSpec dense_network(const std::vector<std::size_t>& layers) {
    NetworkSpec spec;
    spec.inputs = layers.front();
    for (std::size_t l = 1; l < layers.size(); ++l) {
        const bool last = l + 1 == layers.size();
        spec.layers.push_back(
            parse_layer(fmt::format("dense units={} activation={}", layers[l], last ? "softmax" : "relu")));
    }
    return spec;
}

void StepTimes::add(double seconds, const PhaseSeconds& phases) {
    step.push_back(seconds);
    forward.push_back(phases[Phase::kForward]);
    backward.push_back(phases[Phase::kBackward]);
    communication_exposed.push_back(phases[Phase::kCommunicationExposed]);
    optimizer.push_back(phases[Phase::kOptimizer]);
}

StepTimes measure_steps(const Communicator& comm, const BenchInput& input) {
    const NetworkSpec spec = dense_network(input.layers);
    ReplicaOptions options;
    options.optimizer = bench_optimizer(input.optimizer);
    options.leaf = kBench_leaf;
    options.reducer.bucket_bytes = CommConfig{.bucket_mib = input.bucket_mib}.bucket_bytes();
    const BatchPlan plan(input.global_batch, input.global_batch, options.leaf, 1);
    options.bounds = shard_bounds(plan, {}, comm.rank(), comm.size());
    agree(comm, [&] { check_memory(input, spec, options, comm.size()); });
    const ShardWork work(plan, plan.batch(0, 0), {}, comm.rank(), comm.size());
    Replica replica(comm,
                    agree(comm,
                          [&] {
                              return std::make_unique<NetworkLearner>(
                                  spec, value_named<Arithmetic>(input.arithmetic),
                                  options.bounds.piece_samples);
                          }),
                    options);
    const BenchSamples data = agree(
        comm, [&] { return BenchSamples(work.shard, spec.inputs.count(), output_shape(spec).count()); });
    // All in one piece.
    const ReadSamples read = [&](std::size_t, std::size_t count) {
        return Samples{{data.x.data(), count, spec.inputs.count()}, {data.labels, {}}};
    };

    StepTimes times;
    double measured = 0.0;
    bool more = true;
    for (std::size_t number = 1; more; ++number) {
        replica.reset_seconds();
        const Stopwatch watch;
        replica.step(work, number, 1e-3F, read);
        const double seconds = watch.seconds();
        if (number <= kWarmUp_steps) continue;
        times.add(seconds, replica.seconds());
        measured += seconds;
        // Rank 0 decides, now and then, so that all ranks make the same number of steps.
        if (times.step.size() >= kFewest_steps && times.step.size() % kFewest_steps == 0) {
            more = comm.max(static_cast<std::int64_t>(measured < input.seconds)) != 0;
        }
    }
    if (comm.size() > 1) times.communication_alone = replica.reduction_seconds(work);
    return times;
}

void bench_step(const Communicator& comm, const BenchInput& input, bool json) {
    set_thread_count(static_cast<int>(input.threads));
    agree(comm, [&] { check_threads_start(static_cast<int>(input.threads)); });
    const StepTimes times = measure_steps(comm, input);
    if (comm.rank() != 0) return;
    const Spread step = spread_of(times.step);
    const double samples_per_second = static_cast<double>(input.global_batch) / step.median;
    const double gflops = step_flops(input.layers, input.global_batch) / step.median * 1e-9;
    const auto median = [](const std::vector<double>& values) { return spread_of(values).median; };
    const double hidden = hidden_share(times.communication_alone, median(times.communication_exposed));
    const nlohmann::ordered_json result{{"layers", input.layers},
                                        {"global_batch", input.global_batch},
                                        {"arithmetic", input.arithmetic},
                                        {"optimizer_name", input.optimizer},
                                        {"ranks", comm.size()},
                                        {"threads", input.threads},
                                        {"instruction_set", name(instruction_set())},
                                        {"steps", times.step.size()},
                                        {"step_seconds", step.median},
                                        {"step_seconds_least", step.least},
                                        {"step_seconds_most", step.most},
                                        {"samples_per_second", samples_per_second},
                                        {"gflops", gflops},
                                        {"forward", median(times.forward)},
                                        {"backward", median(times.backward)},
                                        {"communication_exposed", median(times.communication_exposed)},
                                        {"communication_alone", times.communication_alone},
                                        {"communication_hidden_share", hidden},
                                        {"optimizer", median(times.optimizer)}};
    if (json) {
        print_json(result);
        return;
    }
    print_out("{} layers, global batch {}, {} rank(s), {} thread(s), {}, {} steps\n", input.layers.size() - 1,
              input.global_batch, comm.size(), input.threads, name(instruction_set()), times.step.size());
    print_out("step {:.3f} ms (least {:.3f}, most {:.3f})   {:.0f} samples/s   {:.1f} GFLOP/s\n",
              1e3 * step.median, 1e3 * step.least, 1e3 * step.most, samples_per_second, gflops);
    const auto share = [&](const char* phase, const std::vector<double>& values) {
        print_out("  {:<22} {:8.3f} ms {:5.1f} %\n", phase, 1e3 * median(values),
                  100.0 * median(values) / step.median);
    };
    share("forward", times.forward);
    share("backward", times.backward);
    share("communication exposed", times.communication_exposed);
    share("optimizer", times.optimizer);
    if (comm.size() > 1) {
        print_out("  the gradients' reduction takes {:.3f} ms alone: {:.0f} % of it are hidden\n",
                  1e3 * times.communication_alone, 100.0 * hidden);
    }
}

}  // namespace lockstep
