#include "launcher/telemetry/banner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/arithmetic/arithmetic.h"
#include "core/base/integers.h"
#include "core/base/threads.h"
#include "launcher/run/text.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

/// Layers beyond which only the first and the last ones are named.
constexpr std::size_t kMostLayers = 8;
/// The same of hosts.
constexpr std::size_t kMostHosts = 4;

/// "2", "1 to 4": of all ranks.
template <class ValueOf>
std::string range_of(std::span<const RankMachine> machines, const ValueOf& value_of) {
    std::size_t least = value_of(machines.front());
    std::size_t most = least;
    for (const RankMachine& machine : machines) {
        least = std::min(least, value_of(machine));
        most = std::max(most, value_of(machine));
    }
    return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

std::string hosts_text(std::span<const std::string> hosts) {
    // In the order of the ranks.
    std::vector<std::string> names;
    std::map<std::string, std::size_t> ranks;
    for (const std::string& host : hosts)
        if (ranks[host]++ == 0) names.push_back(host);
    std::vector<std::string> shown;
    for (const std::string& name : names) {
        if (shown.size() < kMostHosts) shown.push_back(fmt::format("{} of them on {}", ranks[name], name));
    }
    if (names.size() == 1) return fmt::format("{} on {}", hosts.size(), names.front());
    std::string text = fmt::format("{} on {} hosts: {}", hosts.size(), names.size(), fmt::join(shown, ", "));
    if (names.size() > shown.size()) text += fmt::format(", … to {}", names.back());
    return text;
}

std::string threads_text(std::span<const RankMachine> machines) {
    const std::string threads = range_of(machines, [](const RankMachine& m) { return m.threads; });
    const std::string cpus = range_of(machines, [](const RankMachine& m) { return m.cpus; });
    return fmt::format("{} a rank, each bound to {} of {} CPUs", threads, cpus,
                       std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::string instructions_text(std::span<const RankMachine> machines) {
    std::set<std::string_view> names;
    for (const RankMachine& machine : machines) names.insert(name(machine.instructions));
    return fmt::format("{}", fmt::join(names, " and "));
}

std::string data_text(const DataSets& data) {
    std::string text = data.train->description();
    if (data.validation) text += "; " + data.validation->description();
    return text + "; " + data.test->description();
}

std::string network_text(const NetworkSpec& network, std::size_t parameters) {
    std::vector<std::string> layers{fmt::format("{}", network.inputs.count())};
    const std::size_t count = network.layers.size();
    for (std::size_t l = 0; l < count; ++l) {
        if (count <= kMostLayers || l + 2 < kMostLayers || l + 1 == count)
            layers.push_back(to_string(network.layers[l]));
        else if (l + 2 == kMostLayers)
            layers.push_back(fmt::format("… {} more", count + 1 - kMostLayers));
    }
    std::string text = fmt::format("{}", fmt::join(layers, " -> "));
    if (parameters > 0) text += "; " + counted(parameters, "parameter");
    return text;
}

std::string batch_text(const RunTitle& run) {
    const TrainingConfig& training = run.config.training;
    if (run.plan == nullptr) {
        const std::string samples =
            training.global_batch == kWholeSet ? "all samples" : counted(training.global_batch, "sample");
        return fmt::format("{} in leaves of {}", samples, training.leaf);
    }
    const Batch batch = run.plan->batch(0, 0);
    const std::size_t an_epoch = run.plan->steps_per_epoch();
    const std::size_t steps = training.steps(an_epoch);
    return fmt::format("{} in {} of {}; {} an epoch, {} in {}", counted(batch.samples, "sample"),
                       batch.leaves == 1 ? "1 leaf" : fmt::format("{} leaves", batch.leaves), training.leaf,
                       counted(an_epoch, "step"), counted(steps, "step"),
                       counted(ceil_divide(steps, an_epoch), "epoch"));
}

}  // namespace

RankMachine this_machine(std::size_t threads) {
    RankMachine machine{.threads = threads,
                        .cpus = static_cast<std::size_t>(cpus_allowed()),
                        .instructions = instruction_set()};
    CPU_ZERO(&machine.bound);
    if (::sched_getaffinity(0, sizeof machine.bound, &machine.bound) != 0) CPU_ZERO(&machine.bound);
    return machine;
}

std::vector<std::string> banner(const RunTitle& run, std::span<const RankMachine> machines,
                                std::span<const std::string> hosts) {
    const auto line = [](std::string_view what, const std::string& text) {
        return fmt::format("  {:<11} {}", what, text);
    };
    return {fmt::format("lockstep {} trains {}", kVersion, run.config.name),
            line("ranks", hosts_text(hosts)),
            line("threads", threads_text(machines)),
            line("arithmetic", fmt::format("{} by {} on {}", name_of(run.config.training.arithmetic),
                                           instructions_text(machines), cpu_model())),
            line("data", data_text(run.data)),
            line("network", network_text(run.network, run.parameters)),
            line("batch", batch_text(run)),
            line("run", run.dir)};
}

std::string crowded_host_advice(std::span<const RankMachine> machines, std::span<const std::string> hosts) {
    struct Host {
        std::size_t ranks = 0;
        std::size_t threads = 0;
        bool is_known = true;
        cpu_set_t cpus{};
    };
    std::map<std::string, Host> all;
    for (std::size_t rank = 0; rank < machines.size(); ++rank) {
        const RankMachine& machine = machines[rank];
        Host& host = all[hosts[rank]];
        ++host.ranks;
        host.threads += machine.threads;
        host.is_known = host.is_known && CPU_COUNT(&machine.bound) > 0 && machine.threads <= machine.cpus;
        CPU_OR(&host.cpus, &host.cpus, &machine.bound);
    }
    for (const auto& [name, host] : all) {
        const auto cpus = static_cast<std::size_t>(CPU_COUNT(&host.cpus));
        if (!host.is_known || host.threads <= cpus) continue;
        return fmt::format(
            "{} of {} ranks share {} of {}, and wait for each other; start at most {} there with {} each, or "
            "fewer with more (mpirun --map-by slot:PE=N and srun --cpus-per-task=N give each rank N of them)",
            counted(host.threads, "thread"), host.ranks, counted(cpus, "CPU"), name, counted(cpus, "rank"),
            counted(1, "thread"));
    }
    return "";
}

void introduce(const Communicator& comm, const RunTitle& run, Progress& progress) {
    const std::vector<RankMachine> machines = comm.allgather_value(this_machine(run.config.training.threads));
    if (comm.rank() != 0) return;
    for (const std::string& text : banner(run, machines, comm.hosts())) progress.line(text);
    const std::string advice = crowded_host_advice(machines, comm.hosts());
    if (!advice.empty()) progress.warn(advice);
}

}  // namespace lockstep
