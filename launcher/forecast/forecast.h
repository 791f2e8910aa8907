// How long training will take on a number of ranks, with an interval, and what bounds it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/network/network_spec.h"
#include "launcher/forecast/step_model.h"
#include "launcher/options/config.h"

namespace lockstep {

/// What the flags of `lockstep plan` say of it.
struct ForecastInput {
    std::filesystem::path machine;     ///< --machine FILE; empty: no forecast
    std::size_t ranks_per_host = 0;    ///< --ranks_per_host N; 0: as many as were measured
    std::optional<double> gbits;       ///< --gbits N: another network between hosts, of that rate
    std::optional<double> latency_us;  ///< --latency_us N: and that latency
    std::string curve;                 ///< --curve strong|weak; empty: none
};

/// Nine times in ten it lies between the two.
struct Interval90 {
    double expected = 0.0;
    double low = 0.0;
    double high = 0.0;
};

struct Forecast {
    StepWork work;
    StepForecast step;
    Interval90 step_seconds;
    double epoch_seconds = 0.0;       ///< expected, of training alone; the interval is the step's
    double samples_per_second = 0.0;  ///< expected
};

/// The machine of input.machine, with the network that is assumed in its place. Throws ConfigError, also
/// where it was not measured in the way that the configuration and so many ranks need.
Machine machine_for(const ForecastInput& input, const Config& config, std::size_t ranks);

/// Requires what forecast_step does, of so many samples to train with.
Forecast make_forecast(const Machine& machine, const Config& config, const NetworkSpec& spec,
                       std::size_t samples, Ranks ranks);

/// The phase that takes most of the step, and why, in words.
std::string bound_by(const Forecast& forecast);
/// What the forecast leaves out or assumes, and what is wasted.
std::vector<std::string> remarks(const Forecast& forecast, const Machine& machine, const Config& config);

/// One way to train: a choice of comm.shard and comm.compression.
struct CurveLine {
    std::string shard;
    std::string compression;
    std::vector<Forecast> points;
};
/// Forecasts for 1, 2, 4, … up to `most` ranks, for every choice that goes with the rest of the
/// configuration. `weak`: the batch grows with the ranks; it is that of one rank which the configuration has.
std::vector<CurveLine> make_curve(const Machine& machine, const Config& config, const NetworkSpec& spec,
                                  std::size_t samples, Ranks most, bool weak);

/// All that the flags ask for.
struct Outlook {
    Machine machine;
    Forecast forecast;
    std::string scaling;  ///< of the curve; empty: none is asked for
    std::vector<CurveLine> curve;
};
/// Nothing without a machine. Throws ConfigError as machine_for does.
std::optional<Outlook> look_ahead(const ForecastInput& input, const Config& config, const NetworkSpec& spec,
                                  std::size_t samples, std::size_t ranks);

}  // namespace lockstep
