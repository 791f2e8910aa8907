#include "launcher/forecast/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "core/base/error.h"
#include "launcher/bench/bench_step.h"
#include "launcher/options/config_rules.h"

namespace lockstep {

namespace {

// Of a network that nobody has measured: that of a message on the CPU is Open MPI's on a fast network.
constexpr double kAssumedOverhead_seconds = 0.5e-6;
constexpr double kAssumedLatency_us = 2.0;
constexpr double kAssumedError = 0.2;

Figure assumed(double value) { return {value, kAssumedError * value}; }

/// The network of the flags. How far it hides is taken from the one that was measured, if any; what it brings
/// is added up as fast as within a host, one value for every eight bytes that are sent.
NetworkCosts assumed_network(const ForecastInput& input, const Machine& machine) {
    NetworkCosts network;
    double byte = 8e-9 / *input.gbits;
    if (machine.host_sum) {
        const double near = machine.host_sum->costs[1].value / 8.0;
        byte += near;
        network.far_seconds_per_byte = assumed(std::max(0.0, machine.host_sum->costs[2].value / 8.0 - near));
    }
    network.seconds_per_byte = assumed(byte);
    network.latency_seconds = assumed(1e-6 * input.latency_us.value_or(kAssumedLatency_us));
    network.overhead_seconds = assumed(kAssumedOverhead_seconds);
    network.hidden_rate = machine.network ? machine.network->hidden_rate : Figure{1.0, kAssumedError};
    network.assumed = true;
    return network;
}

std::size_t per_host_of(const ForecastInput& input, const Machine& machine) {
    return input.ranks_per_host == 0 ? machine.ranks_per_host : input.ranks_per_host;
}

/// What a forecast is uncertain of: moves it by its error, up or down.
using Doubt = std::function<void(Machine& machine, double direction)>;

std::vector<Doubt> doubts(const Machine& machine) {
    const auto of_fit = [](LinearFit Machine::*fit) {
        return [fit](Machine& m, double direction) {
            (m.*fit).scale(std::exp(direction * (m.*fit).relative_error));
        };
    };
    std::vector<Doubt> all{of_fit(&Machine::forward), of_fit(&Machine::backward), of_fit(&Machine::update)};
    all.emplace_back([](Machine& m, double direction) { m.noise *= 1.0 + 0.5 * direction; });
    if (machine.host_sum) {
        all.emplace_back([](Machine& m, double direction) {
            m.host_sum->scale(std::exp(direction * m.host_sum->relative_error));
        });
    }
    if (!machine.network) return all;
    for (Figure NetworkCosts::*cost :
         {&NetworkCosts::latency_seconds, &NetworkCosts::overhead_seconds, &NetworkCosts::seconds_per_byte,
          &NetworkCosts::far_seconds_per_byte, &NetworkCosts::slowdown}) {
        all.emplace_back([cost](Machine& m, double direction) {
            Figure& figure = (*m.network).*cost;
            figure.value = std::max(0.0, figure.value + direction * figure.error);
        });
    }
    all.emplace_back([](Machine& m, double direction) {
        Figure& rate = m.network->hidden_rate;
        rate.value = std::clamp(rate.value + direction * rate.error, 0.01, 1.0);
    });
    all.emplace_back([](Machine& m, double direction) {
        NetworkCosts& network = *m.network;
        const double factor = std::exp(direction * network.relative_error);
        for (Figure* cost : {&network.latency_seconds, &network.overhead_seconds, &network.seconds_per_byte,
                             &network.far_seconds_per_byte}) {
            cost->value *= factor;
        }
    });
    return all;
}

/// Each doubt moves the logarithm of the step by so much, and they know nothing of each other.
Interval90 interval(const Machine& machine, const StepWork& work, double expected) {
    constexpr double kNineInTen = 1.645;  // standard deviations of a normal distribution
    double squares = 0.0;
    for (const Doubt& doubt : doubts(machine)) {
        Machine more = machine;
        Machine less = machine;
        doubt(more, 1.0);
        doubt(less, -1.0);
        const double moved =
            std::log(forecast_step(more, work).step() / forecast_step(less, work).step()) / 2.0;
        squares += moved * moved;
    }
    const double factor = std::exp(kNineInTen * std::sqrt(squares));
    return {expected, expected / factor, expected * factor};
}

}  // namespace

Machine machine_for(const ForecastInput& input, const Config& config, std::size_t ranks) {
    Machine machine = read_machine(input.machine);
    const std::string file = input.machine.string();
    if (machine.arithmetic != name_of(config.training.arithmetic)) {
        throw ConfigError(fmt::format(
            "--machine {}: was measured in {}, but training.arithmetic is {}; `lockstep bench machine "
            "--arithmetic {} --out FILE` measures that",
            file, machine.arithmetic, name_of(config.training.arithmetic),
            name_of(config.training.arithmetic)));
    }
    if (config.comm.reduction == Reduction::kMpi) {
        throw ConfigError(
            "--machine: what MPI_Allreduce does is not known, so that comm.reduction = mpi has "
            "no forecast; choose tree");
    }
    if (input.latency_us && !input.gbits) {
        throw ConfigError("--latency_us: is that of the network of --gbits, which is not given");
    }
    if (input.gbits) machine.network = assumed_network(input, machine);
    const std::size_t per_host = per_host_of(input, machine);
    if (ranks > per_host && !machine.network) {
        throw ConfigError(fmt::format(
            "--machine {}: has no network between hosts, but {} ranks, {} a host, need one; run `lockstep "
            "bench machine` under mpirun on two hosts, or state one by --gbits and --latency_us",
            file, ranks, per_host));
    }
    if (ranks > 1 && per_host > 1 && !machine.host_sum) {
        throw ConfigError(fmt::format(
            "--machine {}: has no sums within a host, but {} ranks a host are asked for; run `lockstep bench "
            "machine` with as many under mpirun, or give --ranks_per_host 1",
            file, per_host));
    }
    return machine;
}

Forecast make_forecast(const Machine& machine, const Config& config, const NetworkSpec& spec,
                       std::size_t samples, Ranks ranks) {
    const Network network(spec, config.training.arithmetic);
    const BatchPlan plan(samples, config.training.global_batch, config.training.leaf, config.training.seed,
                         config.training.order);
    Forecast forecast;
    forecast.work = step_work(config, network, plan, ranks);
    forecast.step = forecast_step(machine, forecast.work);
    forecast.step_seconds = interval(machine, forecast.work, forecast.step.step());
    const auto batch = static_cast<double>(forecast.work.batch_samples);
    forecast.samples_per_second = batch / forecast.step.step();
    forecast.epoch_seconds = static_cast<double>(samples) / forecast.samples_per_second;
    return forecast;
}

std::string bound_by(const Forecast& forecast) {
    const StepForecast& step = forecast.step;
    const auto largest = std::ranges::max_element(
        kStepPhases, {}, [&](const StepPhase& phase) { return step.*phase.seconds; });
    const double computing = step.forward + step.backward;
    const double most = std::max(computing, step.*(largest->seconds));
    const auto share = [&](double seconds) {
        return fmt::format("{:.0f} % of the step", 100.0 * seconds / step.step());
    };
    if (computing >= most) return fmt::format("the products, {}", share(computing));
    if (largest->seconds == &StepForecast::between_hosts) {
        return fmt::format("the network between hosts, {}: {}", share(most),
                           step.sent >= step.latency ? "its rate" : "the latency of its messages");
    }
    if (largest->seconds == &StepForecast::within_host) {
        return fmt::format("the sums through the memory of a host, {}", share(most));
    }
    if (largest->seconds == &StepForecast::optimizer) return fmt::format("the optimizer, {}", share(most));
    return fmt::format("waiting for the slowest rank, {}", share(most));
}

std::vector<std::string> remarks(const Forecast& forecast, const Machine& machine, const Config& config) {
    std::vector<std::string> texts;
    const StepWork& work = forecast.work;
    if (work.busy_ranks < work.ranks.ranks) {
        texts.push_back(fmt::format("{} of {} ranks have no samples: a batch of {} has {} leaves of {}",
                                    work.ranks.ranks - work.busy_ranks, work.ranks.ranks, work.batch_samples,
                                    work.leaves, config.training.leaf));
    } else if (work.most_leaves > work.fewest_leaves) {
        texts.push_back(
            fmt::format("a rank with {} leaves waits for one with {}", work.fewest_leaves, work.most_leaves));
    }
    if (!work.halving && work.ranks.hosts() > 1) {
        texts.push_back(
            fmt::format("every host sends to every other, {} messages a bucket: a power of two of "
                        "hosts with as many leaves each would halve",
                        (work.most_sums + 1) * (work.ranks.hosts() - 1)));
    }
    if (work.at_once != machine.ranks_per_host) {
        texts.push_back(fmt::format("measured with {} rank(s) a host at work, not {}", machine.ranks_per_host,
                                    work.at_once));
    }
    if (config.training.threads != machine.threads) {
        texts.push_back(fmt::format("measured with {} thread(s) a rank, not {}", machine.threads,
                                    config.training.threads));
    }
    if (config.training.leaf != kBench_leaf) {
        texts.push_back(fmt::format("measured with leaves of {} samples", kBench_leaf));
    }
    if (machine.network && machine.network->assumed && work.ranks.hosts() > 1) {
        texts.emplace_back("the network is assumed, not measured");
    }
    return texts;
}

std::vector<CurveLine> make_curve(const Machine& machine, const Config& config, const NetworkSpec& spec,
                                  std::size_t samples, Ranks most, bool weak) {
    std::vector<CurveLine> lines;
    for (const Sharding sharding : {Sharding::kNone, Sharding::kOptimizer, Sharding::kParameters}) {
        for (const Compression compression : {Compression::kNone, Compression::kBf16, Compression::kTopK}) {
            Config choice = config;
            choice.comm.sharding = sharding;
            choice.comm.compression = compression;
            // Compression is drawn without sharding, and as the configuration has it.
            const bool own = sharding == config.comm.sharding && compression == config.comm.compression;
            if (compression != Compression::kNone && sharding != Sharding::kNone && !own) continue;
            if (!go_together(choice)) continue;
            CurveLine& line = lines.emplace_back();
            line.shard = name_of(sharding);
            line.compression = name_of(compression);
            for (std::size_t ranks = 1; ranks <= most.ranks; ranks *= 2) {
                Config point = choice;
                if (weak)
                    point.training.global_batch = std::min(config.training.global_batch, samples) * ranks;
                line.points.push_back(make_forecast(
                    machine, point, spec, weak ? std::max(samples, point.training.global_batch) : samples,
                    {ranks, std::min(most.per_host, ranks)}));
            }
        }
    }
    return lines;
}

std::optional<Outlook> look_ahead(const ForecastInput& input, const Config& config, const NetworkSpec& spec,
                                  std::size_t samples, std::size_t ranks) {
    if (input.machine.empty()) {
        for (const auto& [flag, given] : {std::pair("ranks_per_host", input.ranks_per_host > 0),
                                          std::pair("gbits", input.gbits.has_value()),
                                          std::pair("latency_us", input.latency_us.has_value()),
                                          std::pair("curve", !input.curve.empty())}) {
            if (given)
                throw ConfigError(fmt::format("--{}: belongs to a forecast; give --machine FILE too", flag));
        }
        return std::nullopt;
    }
    Outlook outlook{machine_for(input, config, ranks), {}, input.curve, {}};
    const std::size_t per_host = per_host_of(input, outlook.machine);
    const Ranks all{ranks, std::min(per_host, ranks)};
    outlook.forecast = make_forecast(outlook.machine, config, spec, samples, all);
    if (!input.curve.empty()) {
        outlook.curve =
            make_curve(outlook.machine, config, spec, samples, {ranks, per_host}, input.curve == "weak");
    }
    return outlook;
}

}  // namespace lockstep
