#include "launcher/commands/own_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>

#include "core/base/error.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/training/optimizer.h"
#include "launcher/commands/runs/run_flags.h"
#include "launcher/options/config_paths.h"

namespace lockstep {

namespace {

std::string one_of(std::string_view flag, const std::string& value, std::span<const std::string_view> valid) {
    if (std::ranges::find(valid, value) != valid.end()) return value;
    throw ConfigError(fmt::format("--{} {}: must be one of {}{}", flag, value, fmt::join(valid, ", "),
                                  did_you_mean(value, valid)));
}

std::string one_of(std::string_view flag, const std::string& value,
                   std::initializer_list<std::string_view> valid) {
    return one_of(flag, value, std::span(valid.begin(), valid.size()));
}

// What an MPI rank number can be; plan walks over all of them.
constexpr std::size_t kMostRanks = std::size_t{1} << 20;

std::size_t rank_number(const std::string& value) {
    const auto number = parse_number<std::size_t>(value);
    if (number && *number > 0 && *number <= kMostRanks) return *number;
    throw ConfigError(fmt::format("--ranks {}: must be a whole number from 1 to {}", value, kMostRanks));
}

/// A number of a flag, up to `most`; a ConfigError that names the flag otherwise.
template <class T>
T positive(std::string_view flag, const std::string& value, T most = std::numeric_limits<T>::max()) {
    const auto number = parse_number<T>(value);
    if (number && *number > T{0} && *number <= most) return *number;
    const bool bounded = most < std::numeric_limits<T>::max();
    throw ConfigError(fmt::format("--{} {}: must be a number above 0{}{}", flag, value,
                                  bounded ? fmt::format(" and up to {}", most) : "",
                                  std::is_integral_v<T> ? digits_hint(value) : decimal_hint(value)));
}

// What a bench can be asked for; whether the machine has the memory is found out where it is known.
constexpr std::size_t kMostSize = std::size_t{1} << 31;
constexpr std::size_t kMostThreads = 4096;
constexpr double kMostBucket_mib = 1 << 20;
constexpr double kMostSeconds = 86400.0;

/// "784-800-10" as numbers.
std::vector<std::size_t> sizes_of(std::string_view flag, const std::string& value) {
    std::vector<std::size_t> sizes;
    std::istringstream words(value);
    for (std::string word; std::getline(words, word, '-');)
        sizes.push_back(positive<std::size_t>(flag, word, kMostSize));
    return sizes;
}

ProductShape product_shape(const std::string& value) {
    const std::vector<std::size_t> sizes = sizes_of("shape", value);
    if (sizes.size() == 3) return {sizes[0], sizes[1], sizes[2]};
    throw ConfigError(fmt::format("--shape {}: needs three sizes M-N-K, as in 128-800-784", value));
}

std::vector<std::size_t> layer_sizes(const std::string& value) {
    std::vector<std::size_t> sizes = sizes_of("layers", value);
    if (sizes.size() >= 2 && sizes.back() >= 2) return sizes;
    throw ConfigError(fmt::format(
        "--layers {}: needs inputs and at least one layer, the last of two units or more, as in 784-800-10",
        value));
}

void set_bench_flag(BenchInput& bench, const std::string& name, const std::string& value) {
    if (name == "layers" && !value.empty()) bench.layers = layer_sizes(value);
    if (name == "global_batch") bench.global_batch = positive<std::size_t>(name, value, kMostSize);
    if (name == "arithmetic") bench.arithmetic = one_of(name, value, names_of<Arithmetic>);
    if (name == "optimizer") bench.optimizer = one_of(name, value, optimizer_names());
    if (name == "bucket_mib") bench.bucket_mib = positive<double>(name, value, kMostBucket_mib);
    if (name == "threads") bench.threads = positive<std::size_t>(name, value, kMostThreads);
    if (name == "seconds") bench.seconds = positive<double>(name, value, kMostSeconds);
    if (name == "shape") bench.shape = product_shape(value);
    if (name == "peak") bench.peak = true;
}

void set_sweep_flag(SweepInput& sweep, const std::string& name, const std::string& value) {
    constexpr std::size_t kMost = std::size_t{1} << 20;
    if (name == "grid") sweep.grid.push_back(value);
    if (name == "random") sweep.random = positive<std::size_t>(name, value, kMost);
    if (name == "seeds") sweep.seeds = positive<std::size_t>(name, value, kMost);
}

/// A file's name as a flag has it. A shell expands the ~ of `--out ~/x`, but not that of `--out=~/x`.
std::filesystem::path file_name(const std::string& flag, const std::string& value) {
    if (value.empty()) throw ConfigError(fmt::format("--{}: the name of the file is empty", flag));
    try {
        return expand_path(value, process_variable);
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("--{} {}: {}", flag, value, error.what()));
    }
}

constexpr double kMostGbits = 1e6;
constexpr double kMostLatency_us = 1e6;

void set_forecast_flag(ForecastInput& forecast, const std::string& name, const std::string& value) {
    if (name == "machine") forecast.machine = file_name(name, value);
    if (name == "ranks_per_host") forecast.ranks_per_host = positive<std::size_t>(name, value, kMostRanks);
    if (name == "gbits") forecast.gbits = positive<double>(name, value, kMostGbits);
    if (name == "latency_us") forecast.latency_us = positive<double>(name, value, kMostLatency_us);
    if (name == "curve") forecast.curve = one_of(name, value, {"strong", "weak"});
}

void set_gradcheck_flag(GradcheckInput& gradcheck, const std::string& name, const std::string& value) {
    if (name == "samples") gradcheck.samples = positive<std::size_t>(name, value);
    if (name == "parameters") gradcheck.parameters = value == "all" ? 0 : positive<std::size_t>(name, value);
    if (name == "tolerance") gradcheck.tolerance = positive<double>(name, value);
}

}  // namespace

void set_own_flag(std::string_view subcommand, CommandInput& input, const std::string& name,
                  const std::string& value) {
    if (name == "json") input.json = true;
    if (subcommand == "verify") return set_verify_flag(input.verify, name, value);
    if (subcommand == "replay") return set_replay_flag(input.replay, name, value);
    if (name == "ledger_only") input.ledger_only = true;
    if (name == "layers") input.layers = value.empty();
    if (name == "model") input.models.push_back(file_name(name, value));
    if (name == "model_layers") {
        if (value.empty())
            throw ConfigError("--model_layers: is empty; give a number, or names as in layer0,layer2");
        input.model_layers = value;
    }
    if (name == "combine") {
        input.combination =
            one_of(name, value, {"average", "vote"}) == "vote" ? Combination::kVote : Combination::kAverage;
    }
    if (name == "out") input.out = file_name(name, value);
    if (name == "confusion") input.confusion = true;
    if (name == "wrong") input.wrong = file_name(name, value);
    if (name == "probabilities") input.probabilities = true;
    if (name == "charts") input.report.charts = file_name(name, value);
    if (name == "data.dir") input.report.data_dir = file_name(name, value);
    if (name == "set") input.set = one_of(name, value, {"train", "validation", "test"});
    if (name == "format") input.format = one_of(name, value, {"safetensors", "npz", "onnx"});
    if (name == "config") input.network_of = file_name(name, value);
    if (name == "allow") input.allowed.push_back(value);
    if (name == "inject") {
        for (const Fault& fault : parse_faults(value)) input.faults.push_back(fault);
    }
    if (name == "ranks") input.ranks = rank_number(value);
    set_bench_flag(input.bench, name, value);
    set_forecast_flag(input.forecast, name, value);
    set_gradcheck_flag(input.gradcheck, name, value);
    set_sweep_flag(input.sweep, name, value);
}

}  // namespace lockstep
