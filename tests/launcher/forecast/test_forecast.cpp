// What is found from made-up measurements, and what is forecast for a made-up machine.
#include "launcher/forecast/forecast.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/base/error.h"
#include "launcher/forecast/link_clock.h"
#include "launcher/forecast/machine_fit.h"
#include "launcher/score/prepare.h"
#include "tests/support/temporary_folder.h"

using namespace lockstep;

namespace {

LinearFit costs(const std::vector<double>& values) {
    LinearFit fit;
    for (const double value : values) fit.costs.push_back({value, 0.1 * value});
    fit.relative_error = 0.05;
    return fit;
}

/// Round figures, of the size of a core's.
Machine planted_machine() {
    Machine machine{.arithmetic = "fp32", .optimizer = "sgd", .cache_bytes = 0x1p23};
    machine.forward = costs({1e-6, 20e-12, 0.0, 0.4e-9, 0.1e-9});
    machine.backward = costs({1e-6, 20e-12, 0.1e-9, 0.2e-9, 0.1e-9});
    machine.update = costs({1e-6, 0.2e-9, 0.4e-9});
    machine.noise = 0.01;
    machine.host_sum = costs({1e-6, 0.1e-9, 0.2e-9});
    machine.network = NetworkCosts{.latency_seconds = {20e-6, 0.0},
                                   .overhead_seconds = {2e-6, 0.0},
                                   .seconds_per_byte = {8e-9, 0.0},
                                   .hidden_rate = {0.8, 0.1}};
    return machine;
}

/// 960-64-30 in batches of 128: four leaves.
struct Planned {
    Config config;
    NetworkSpec network;
    std::size_t samples;
};
Planned planned(const std::vector<std::pair<std::string, std::string>>& more = {}) {
    std::vector<std::pair<std::string, std::string>> flags{
        {"data.source", "alvinn"},
        {"data.train_samples", "1280"},
        {"network.layer", "dense units=640"},
        {"network.layer", "dense units=30 activation=softmax"},
        {"training.epochs", "2"},
        {"optimizer.learning_rate", "0.1"}};
    flags.insert(flags.end(), more.begin(), more.end());
    const ResolvedOptions options = resolve_options({{}, flags, {}});
    const Config config = make_config(options);
    const Prepared prepared = prepare(config, options);
    return {config, prepared.network, prepared.data.train->size()};
}

Forecast forecast_on(const Machine& machine, Ranks ranks,
                     const std::vector<std::pair<std::string, std::string>>& more = {}) {
    const Planned plan = planned(more);
    return make_forecast(machine, plan.config, plan.network, plan.samples, ranks);
}

}  // namespace

TEST_CASE("fit: planted costs are found again, and one that would be negative is none") {
    const std::vector<std::vector<double>> counts{
        {1, 10, 3}, {1, 1000, 1}, {1, 5, 700}, {2, 80, 90}, {1, 1, 1}};
    std::vector<Observation> observations;
    for (const auto& row : counts) observations.push_back({row, 5.0 * row[0] + 0.25 * row[1]});
    const LinearFit fit = fit_costs(observations);
    CHECK(fit.costs[0].value == doctest::Approx(5.0));
    CHECK(fit.costs[1].value == doctest::Approx(0.25));
    CHECK(fit.costs[2].value == doctest::Approx(0.0));
    CHECK(fit.relative_error < 1e-6);
    // As if the third made things faster: it is left out rather than believed.
    for (Observation& observation : observations) observation.seconds -= 0.001 * observation.counts[2];
    CHECK(fit_costs(observations).costs[2].value == 0.0);
    CHECK(fit_costs(observations).relative_error > 1e-6);
}

TEST_CASE("fit: planted LogGP parameters are found again from sums over two and four hosts") {
    Machine machine = planted_machine();
    const NetworkCosts planted = *machine.network;
    const double far_byte = 1e-9;
    std::vector<SumMeasurement> sums;
    for (const std::size_t hosts : {2, 4}) {
        for (const std::size_t values : {1 << 8, 1 << 14, 1 << 18, 1 << 20, 1 << 22, 3 << 22}) {
            const auto n = static_cast<double>(hosts);
            const double bytes = 4.0 * static_cast<double>(values);
            const double sent = 2.0 * (n - 1.0) / n * bytes;
            const double far = bytes > machine.cache_bytes ? 1.0 - machine.cache_bytes / bytes : 0.0;
            sums.push_back({hosts, values,
                            2.0 * std::log2(n) * planted.message() + sent * planted.seconds_per_byte.value +
                                sent * far * far_byte});
        }
    }
    const MessageMeasurement messages{.there_and_back = 2.0 * planted.message(),
                                      .each_of_many = planted.overhead_seconds.value};
    fit_network(machine, messages, sums, {});
    const NetworkCosts& found = *machine.network;
    CHECK(found.latency_seconds.value == doctest::Approx(planted.latency_seconds.value).epsilon(0.01));
    CHECK(found.overhead_seconds.value == doctest::Approx(planted.overhead_seconds.value).epsilon(0.01));
    CHECK(found.seconds_per_byte.value == doctest::Approx(planted.seconds_per_byte.value).epsilon(0.01));
    CHECK(found.far_seconds_per_byte.value == doctest::Approx(far_byte).epsilon(0.01));
}

TEST_CASE("fit: the costs that a machine's steps were made up from forecast those steps") {
    const Machine planted = planted_machine();
    std::vector<StepMeasurement> steps;
    for (const std::size_t units : {64, 200, 700, 1500, 2500}) {
        for (const std::size_t batch : {32, 128, 512}) {
            StepMeasurement step{.layers = {500, units, units, 10}, .batch = batch, .noise = 0.02};
            const StepForecast made_up = forecast_step(planted, measured_work(step, planted));
            step.forward = made_up.forward;
            step.backward = made_up.backward;
            step.optimizer = made_up.optimizer;
            steps.push_back(step);
        }
    }
    Machine found{.arithmetic = "fp32", .optimizer = "sgd"};
    fit_computation(found, steps);
    CHECK(found.cache_bytes == planted.cache_bytes);
    CHECK(found.noise == 0.02);
    const StepMeasurement other{.layers = {300, 1000, 900, 10}, .batch = 96};
    CHECK(forecast_step(found, measured_work(other, found)).step() ==
          doctest::Approx(forecast_step(planted, measured_work(other, planted)).step()).epsilon(0.01));
}

TEST_CASE(
    "link: what is sent behind a computation is hidden as far as the rate allows, the rest is waited for") {
    LinkClock clock(0.5, 0.0);
    const std::size_t sent = clock.post(3.0, 0.25);
    CHECK(clock.compute(4.0) == 4.0);  // in which 2 of the 3 seconds go
    CHECK(clock.wait(sent) == doctest::Approx(1.25));
    CHECK(clock.wait(sent) == 0.0);
    // A computation during which something is sent takes longer, until it is sent.
    LinkClock slowed(1.0, 0.5);
    slowed.post(3.0, 0.0);
    CHECK(slowed.compute(4.0) == doctest::Approx(3.0 + 2.0));
}

TEST_CASE("forecast: the phases add up, and the interval holds the expected step") {
    const Forecast forecast = forecast_on(planted_machine(), {4, 1});
    double sum = 0.0;
    for (const StepPhase& phase : kStepPhases) sum += forecast.step.*phase.seconds;
    CHECK(sum == doctest::Approx(forecast.step_seconds.expected));
    CHECK(forecast.step_seconds.low < forecast.step_seconds.expected);
    CHECK(forecast.step_seconds.high > forecast.step_seconds.expected);
    CHECK(forecast.epoch_seconds == doctest::Approx(10.0 * forecast.step_seconds.expected));
    CHECK(bound_by(forecast).find("network") != std::string::npos);
}

TEST_CASE("forecast: hosts send what the plan says, and compression sends less") {
    const Machine machine = planted_machine();
    // 960 × 640 + 640 + 640 × 30 + 30 values, the last bias padded to 32; 2 (H − 1) / H of them.
    const double bytes = 4.0 * (960 * 640 + 640 + 640 * 30 + 32);
    CHECK(forecast_on(machine, {2, 1}).step.bytes == doctest::Approx(bytes));
    CHECK(forecast_on(machine, {4, 1}).step.bytes == doctest::Approx(1.5 * bytes));
    CHECK(forecast_on(machine, {4, 2}).step.bytes == doctest::Approx(bytes));
    CHECK(forecast_on(machine, {4, 4}).step.bytes == 0.0);
    CHECK(forecast_on(machine, {2, 1}, {{"comm.compression", "bf16"}}).step.bytes ==
          doctest::Approx(bytes / 2));
    CHECK(forecast_on(machine, {2, 1}, {{"comm.compression", "top_k"}}).step.bytes < bytes / 8);
    const Forecast sharded = forecast_on(machine, {2, 1}, {{"comm.shard", "parameters"}});
    CHECK(sharded.step.bytes >= doctest::Approx(bytes));
}

TEST_CASE("forecast: ranks beyond the leaves make nothing faster and are counted") {
    const Machine machine = planted_machine();
    const Forecast busy = forecast_on(machine, {4, 4});
    const Forecast idle = forecast_on(machine, {16, 16});
    CHECK(busy.work.busy_ranks == 4);
    CHECK(idle.work.busy_ranks == 4);
    CHECK(idle.step.forward == busy.step.forward);
    const Planned plan = planned();
    CHECK(remarks(busy, machine, plan.config).size() == 1);  // measured with one rank a host
    CHECK(remarks(idle, machine, plan.config).front().find("12 of 16 ranks") != std::string::npos);
}

TEST_CASE(
    "forecast: a curve has every choice that goes with the configuration, and weak scaling grows the batch") {
    const Planned plan = planned();
    const auto curve =
        make_curve(planted_machine(), plan.config, plan.network, plan.samples, {2048, 2}, true);
    REQUIRE(curve.size() == 5);
    for (const CurveLine& line : curve) {
        REQUIRE(line.points.size() == 12);
        for (const Forecast& point : line.points) {
            CHECK(point.work.busy_ranks == point.work.ranks.ranks);
            CHECK(point.work.batch_samples == 128 * point.work.ranks.ranks);
        }
    }
}

TEST_CASE("machine: what is written is read again, and damage is named") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "machine.json";
    const auto write = [&](const std::string& text) { folder.write("machine.json", text); };
    const Machine machine = planted_machine();
    write(to_json(machine).dump());
    CHECK(to_json(read_machine(path)) == to_json(machine));
    const auto fault = [&] {
        try {
            read_machine(path);
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    auto damaged = to_json(machine);
    damaged["forward"]["layer"]["value"] = -1.0;
    write(damaged.dump());
    CHECK(fault().find("forward.layer.value must be a number from 0 on") != std::string::npos);
    damaged = to_json(machine);
    damaged.erase("noise");
    write(damaged.dump());
    CHECK(fault().find("noise is missing") != std::string::npos);
    write("{");
    CHECK(fault().find("is no JSON") != std::string::npos);
}
