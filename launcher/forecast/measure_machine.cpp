// All ranks of a host compute at once, as they do in training, since they share its memory's bandwidth.
#include "launcher/forecast/measure_machine.h"

#include <algorithm>
#include <array>

#include "comm/agreement.h"
#include "comm/gradient_reducer.h"
#include "comm/requests.h"
#include "core/arithmetic/dispatch/instruction_set.h"
#include "core/base/leaf_tree.h"
#include "core/base/threads.h"
#include "launcher/bench/bench_step.h"
#include "launcher/files/atomic_file.h"
#include "launcher/files/output_target.h"
#include "launcher/forecast/machine_fit.h"
#include "launcher/forecast/step_model.h"
#include "launcher/run/printing.h"
#include "launcher/run/stopwatch.h"

namespace lockstep {

namespace {

/// What is computed by a rank on its own: networks that stay in the caches and ones that do not, of few
/// samples and of many. In this list and those below the shortest steps come first.
struct Case {
    std::vector<std::size_t> layers;
    std::size_t batch;
};
const std::array kCases{Case{{64, 64, 10}, 32},
                        Case{{784, 100, 10}, 64},
                        Case{{784, 800, 10}, 32},
                        Case{{256, 256, 256, 256, 256, 10}, 128},
                        Case{{784, 800, 10}, 128},
                        Case{{1000, 1000, 1000, 10}, 64},
                        Case{{784, 800, 10}, 512},
                        Case{{2000, 2000, 2000, 10}, 32},
                        Case{{1000, 1000, 1000, 10}, 256},
                        Case{{4000, 4000, 10}, 32},
                        Case{{2000, 2000, 2000, 10}, 128},
                        Case{{4000, 4000, 10}, 128}};
/// What several hosts compute together; the batch is one host's.
const std::array kCasesTogether{Case{{784, 800, 10}, 64}, Case{{1000, 1000, 1000, 10}, 64},
                                Case{{512, 512, 512, 512, 512, 512, 10}, 128}};
/// A few short messages and then long ones: buckets of gradients are long.
constexpr std::array kSums_values{std::size_t{1} << 8,  std::size_t{1} << 14, std::size_t{1} << 16,
                                  std::size_t{1} << 18, std::size_t{1} << 20, std::size_t{1} << 21,
                                  std::size_t{1} << 22, std::size_t{3} << 22};
/// What the ranks of a host compute together; the batch is one rank's, and small, so that what they do for
/// each other shows.
const std::array kCasesOfHost{Case{{64, 64, 10}, 32},           Case{{256, 256, 256, 256, 256, 10}, 32},
                              Case{{784, 800, 10}, 32},         Case{{1000, 1000, 1000, 10}, 32},
                              Case{{2000, 2000, 2000, 10}, 32}, Case{{4000, 4000, 10}, 32}};
/// Where a case took so many times --seconds, whatever its few steps were, the longer ones are left out.
constexpr double kLongest = 50.0;
/// The share of --seconds for each case and sum.
constexpr double kShare = 0.25;
constexpr std::size_t kFewestRounds = 5;

double quantile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

double median(const std::vector<double>& values) { return spread_of(values).median; }

/// The same number on every rank: the median over all.
double median_over(const Communicator& comm, double value) { return median(comm.allgather_value(value)); }

/// A case on `ranks`, as the ranks of `all` find it, which make the same measurement at once.
StepMeasurement measure_case(const Communicator& all, const Communicator& ranks, BenchInput input,
                             const Case& wanted, std::size_t at_once) {
    input.layers = wanted.layers;
    input.global_batch = wanted.batch * ranks.size();
    input.seconds *= kShare;
    all.barrier();
    const StepTimes times = measure_steps(ranks, input);
    std::vector<double> computing;
    for (std::size_t i = 0; i < times.forward.size(); ++i) {
        computing.push_back(times.forward[i] + times.backward[i]);
    }
    // Half of what two thirds of the steps are within: a disturbance now and then does not count.
    const double deviation = (quantile(computing, 0.84) - quantile(computing, 0.16)) / 2.0;
    return {.layers = wanted.layers,
            .batch = input.global_batch,
            .ranks = ranks.size(),
            .at_once = at_once,
            .forward = median_over(all, median(times.forward)),
            .backward = median_over(all, median(times.backward)),
            .communication_exposed = median_over(all, median(times.communication_exposed)),
            .optimizer = median_over(all, median(times.optimizer)),
            .noise = median_over(all, deviation / median(computing))};
}

/// Sums over the ranks of a communicator, of arenas just written, read where they lie.
SumMeasurement measure_sum(const Communicator& comm, std::size_t values, double seconds) {
    GradientReducer reducer(comm, std::array{values}, 1, {});
    const LeafPartition partition = partition_leaves(comm.size(), comm.size());
    std::vector<double> times;
    const Stopwatch whole;
    for (bool more = true; more;) {
        std::ranges::fill(reducer.arenas()[0], 1.0F);
        comm.barrier();
        const Stopwatch watch;
        reducer.begin(partition);
        reducer.start(0, values);
        while (!reducer.finish_next().empty()) {
        }
        times.push_back(comm.max(watch.seconds()));
        more = times.size() < kFewestRounds + 1 || comm.max(std::int64_t{whole.seconds() < seconds}) != 0;
    }
    times.erase(times.begin());  // it met cold caches, connections and page tables
    return {comm.size(), values, median(times)};
}

std::vector<SumMeasurement> measure_sums(const Communicator& comm, double seconds) {
    std::vector<SumMeasurement> sums;
    for (const std::size_t values : kSums_values) sums.push_back(measure_sum(comm, values, seconds * kShare));
    return sums;
}

/// Between the first two ranks; the others look on.
MessageMeasurement measure_messages(const Communicator& comm) {
    constexpr std::size_t kRounds = 50;
    constexpr std::size_t kMany = 64;
    const std::size_t other = 1 - comm.rank();
    std::vector<double> back, many;
    std::vector<float> values(kMany, 0.0F);
    Requests requests(comm.handle());
    const auto one = [&](std::size_t from, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::span<float> value = std::span(values).subspan(i, 1);
            if (comm.rank() == from) {
                comm.start_send(std::span<const float>(value), other, 0, requests);
            } else {
                comm.start_receive(value, other, 0, requests);
            }
        }
        requests.wait_all();
    };
    for (std::size_t round = 0; round < kRounds && comm.rank() < 2; ++round) {
        Stopwatch watch;
        one(0, 1);
        one(1, 1);
        back.push_back(watch.lap());
        one(0, kMany);
        one(1, 1);
        many.push_back(watch.lap());
    }
    comm.barrier();
    if (back.empty()) return {};
    const double each = (median(many) - median(back)) / static_cast<double>(kMany - 1);
    return {median(back), std::max(each, 0.0)};
}

/// Whether what began with `watch` took too long for longer ones to follow, on any rank.
bool too_long(const Communicator& comm, const Stopwatch& watch, const BenchInput& input) {
    return comm.max(watch.seconds()) > kLongest * input.seconds;
}

/// Cases on `ranks` and, just before, on each of them alone.
template <std::size_t n>
std::vector<OverlapMeasurement> measure_together(const Communicator& all, const Communicator& ranks,
                                                 const Communicator& alone, const BenchInput& input,
                                                 const std::array<Case, n>& cases, std::size_t per_host) {
    std::vector<OverlapMeasurement> steps;
    for (const Case& wanted : cases) {
        const Stopwatch watch;
        OverlapMeasurement& step = steps.emplace_back();
        step.alone = measure_case(all, alone, input, wanted, per_host);
        step.together = measure_case(all, ranks, input, wanted, per_host);
        step.together.per_host = per_host;
        if (too_long(all, watch, input)) break;
    }
    return steps;
}

struct Measured {
    Machine machine;
    std::vector<StepMeasurement> steps;
    std::vector<OverlapMeasurement> within_host;
    std::vector<SumMeasurement> between_hosts;
    MessageMeasurement messages;
    std::vector<OverlapMeasurement> overlap;
};

Measured measure(const Communicator& comm, const BenchInput& input) {
    const Communicator alone = comm.split(comm.rank());
    const Communicator host = comm.split_by_memory();
    const bool leads = host.rank() == 0;
    const Communicator leaders = comm.split(leads ? 0 : 1);
    const auto hosts = static_cast<std::size_t>(comm.sum(std::int64_t{leads}));
    Measured all;
    Machine& machine = all.machine;
    machine.cpu = cpu_model();
    machine.host = comm.host();
    machine.instruction_set = name(instruction_set());
    machine.arithmetic = input.arithmetic;
    machine.optimizer = input.optimizer;
    machine.threads = input.threads;
    machine.ranks_per_host = static_cast<std::size_t>(comm.max(static_cast<std::int64_t>(host.size())));
    for (const Case& wanted : kCases) {
        const Stopwatch watch;
        all.steps.push_back(measure_case(comm, alone, input, wanted, machine.ranks_per_host));
        if (too_long(comm, watch, input)) break;
    }
    fit_computation(machine, all.steps);
    if (comm.min(static_cast<std::int64_t>(host.size())) > 1) {
        all.within_host = measure_together(comm, host, alone, input, kCasesOfHost, host.size());
        fit_host_sum(machine, all.within_host);
    }
    if (hosts > 1 && leads) {
        all.messages = measure_messages(leaders);
        all.between_hosts = measure_sums(leaders, input.seconds);
        all.overlap = measure_together(leaders, leaders, alone, input, kCasesTogether, 1);
        if (comm.rank() == 0) fit_network(machine, all.messages, all.between_hosts, all.overlap);
    }
    comm.barrier();
    return all;
}

using Json = nlohmann::ordered_json;

Json to_json(const StepMeasurement& step) {
    return {{"layers", step.layers},       {"batch", step.batch},
            {"ranks", step.ranks},         {"per_host", step.per_host},
            {"at_once", step.at_once},     {"forward", step.forward},
            {"backward", step.backward},   {"communication_exposed", step.communication_exposed},
            {"optimizer", step.optimizer}, {"noise", step.noise}};
}

Json to_json(const std::vector<SumMeasurement>& sums) {
    Json json = Json::array();
    for (const SumMeasurement& sum : sums) {
        json.push_back({{"ranks", sum.ranks}, {"values", sum.values}, {"seconds", sum.seconds}});
    }
    return json;
}

Json to_json(const std::vector<OverlapMeasurement>& steps) {
    Json json = Json::array();
    for (const OverlapMeasurement& step : steps) {
        json.push_back({{"alone", to_json(step.alone)}, {"together", to_json(step.together)}});
    }
    return json;
}

/// What the costs were found from, for whoever wants to find them otherwise.
Json to_json(const Measured& all) {
    Json steps = Json::array();
    for (const StepMeasurement& step : all.steps) steps.push_back(to_json(step));
    Json json = to_json(all.machine);
    json["measured"] = {{"steps", steps},
                        {"within_host", to_json(all.within_host)},
                        {"between_hosts", to_json(all.between_hosts)},
                        {"there_and_back", all.messages.there_and_back},
                        {"each_of_many", all.messages.each_of_many},
                        {"overlap", to_json(all.overlap)}};
    return json;
}

void print_step(const char* what, const Machine& machine, const StepMeasurement& step) {
    const StepForecast found = forecast_step(machine, measured_work(step, machine));
    const double measured = step.step();
    print_out("  {:<6} {:<28} batch {:<5} {:9.3f} ms, by the costs {:9.3f} ({:+.0f} %)\n", what,
              fmt::format("{}", fmt::join(step.layers, "-")), step.batch, 1e3 * measured, 1e3 * found.step(),
              100.0 * (found.step() / measured - 1.0));
}

void print_text(const Measured& all) {
    const Machine& machine = all.machine;
    print_out("{}, {}, {}, {} thread(s), {} rank(s) a host, {:.3g} MiB of cache\n", machine.cpu,
              machine.instruction_set, machine.arithmetic, machine.threads, machine.ranks_per_host,
              machine.cache_bytes / 0x1p20);
    for (const StepMeasurement& step : all.steps) print_step("alone", machine, step);
    print_out("  forward ±{:.0f} %, backward ±{:.0f} %, optimizer ±{:.0f} %; from step to step ±{:.1f} %\n",
              100.0 * machine.forward.relative_error, 100.0 * machine.backward.relative_error,
              100.0 * machine.update.relative_error, 100.0 * machine.noise);
    if (machine.host_sum) {
        print_out(
            "within a host: {:.2f} us a bucket, {:.3f} ns a value ({:.3f} beyond the caches), ±{:.0f} %\n",
            1e6 * machine.host_sum->costs[0].value, 1e9 * machine.host_sum->costs[1].value,
            1e9 * machine.host_sum->costs[2].value, 100.0 * machine.host_sum->relative_error);
    }
    for (const OverlapMeasurement& step : all.within_host) print_step("host", machine, step.together);
    if (!machine.network) return;
    const NetworkCosts& network = *machine.network;
    print_out(
        "between hosts: latency {:.1f} us, overhead {:.1f} us, {:.2f} Gbit/s, {:.2f} beyond the caches, "
        "±{:.0f} %\n  while computing: at {:.2f} of that rate, and computing takes {:.0f} % longer\n",
        1e6 * network.latency_seconds.value, 1e6 * network.overhead_seconds.value,
        8e-9 / network.seconds_per_byte.value,
        8e-9 / (network.seconds_per_byte.value + network.far_seconds_per_byte.value),
        100.0 * network.relative_error, network.hidden_rate.value, 100.0 * network.slowdown.value);
    for (const OverlapMeasurement& step : all.overlap) print_step("hosts", machine, step.together);
}

}  // namespace

void bench_machine(const Communicator& comm, const BenchInput& input, const std::filesystem::path& out,
                   bool json) {
    agree(comm, [&] {
        if (comm.rank() == 0 && !out.empty()) check_output(out, {}, json);
        check_threads_start(static_cast<int>(input.threads));
    });
    set_thread_count(static_cast<int>(input.threads));
    const Measured all = measure(comm, input);
    agree(comm, [&] {
        if (comm.rank() != 0) return;
        const Json result = to_json(all);
        if (!out.empty()) {
            write_file(out, result.dump(2) + "\n", ExitCode::kUsage);
        }
        if (json) {
            print_json(result);
        } else if (out != "/dev/stdout") {
            print_text(all);
        }
    });
}

}  // namespace lockstep
