#include "launcher/forecast/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <span>

#include "core/base/error.h"
#include "core/base/names.h"
#include "launcher/files/parse_json.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "lockstep machine 1";

Json to_json(const Figure& figure) { return {{"value", figure.value}, {"error", figure.error}}; }

Json to_json(const LinearFit& fit, std::span<const std::string_view> names) {
    Json json{{"relative_error", fit.relative_error}};
    for (std::size_t i = 0; i < names.size(); ++i) json[std::string(names[i])] = to_json(fit.costs[i]);
    return json;
}

Json to_json(const NetworkCosts& network) {
    return {{"relative_error", network.relative_error},
            {"latency", to_json(network.latency_seconds)},
            {"overhead", to_json(network.overhead_seconds)},
            {"byte", to_json(network.seconds_per_byte)},
            {"far_byte", to_json(network.far_seconds_per_byte)},
            {"hidden_rate", to_json(network.hidden_rate)},
            {"slowdown", to_json(network.slowdown)}};
}

/// Reads a value of the file by its keys, and says which is wrong.
class Reader {
  public:
    Reader(const Json& json, std::filesystem::path path, std::string name)
        : json_(json), path_(std::move(path)), name_(std::move(name)) {}

    [[nodiscard]] Reader at(const std::string& key) const {
        if (!json_.is_object() || !json_.contains(key)) fail(key, "is missing");
        return {json_.at(key), path_, name_.empty() ? key : fmt::format("{}.{}", name_, key)};
    }
    [[nodiscard]] bool has(const std::string& key) const {
        return json_.is_object() && json_.contains(key) && !json_.at(key).is_null();
    }
    [[nodiscard]] std::string text(const std::string& key) const {
        const Reader value = at(key);
        if (!value.json_.is_string()) fail(key, "must be a text");
        return value.json_.get<std::string>();
    }
    [[nodiscard]] double number(const std::string& key) const {
        const Reader value = at(key);
        if (!value.json_.is_number()) fail(key, "must be a number");
        const auto number = value.json_.get<double>();
        if (!std::isfinite(number) || number < 0.0) fail(key, "must be a number from 0 on");
        return number;
    }
    [[nodiscard]] std::size_t count(const std::string& key) const {
        constexpr double kMost = 1 << 20;
        const double value = number(key);
        if (value < 1.0 || value > kMost || value != std::floor(value)) {
            fail(key, fmt::format("must be a whole number from 1 to {}", kMost));
        }
        return static_cast<std::size_t>(value);
    }
    [[nodiscard]] Figure figure(const std::string& key) const {
        return {at(key).number("value"), at(key).number("error")};
    }
    [[nodiscard]] LinearFit costs(const std::string& key, std::span<const std::string_view> names) const {
        const Reader fit = at(key);
        LinearFit result{{}, fit.number("relative_error")};
        for (const std::string_view name : names) result.costs.push_back(fit.figure(std::string(name)));
        return result;
    }

  private:
    [[noreturn]] void fail(const std::string& key, const std::string& fault) const {
        throw ConfigError(
            fmt::format("--machine {}: {}{} {}; `lockstep bench machine --out FILE` writes such a file",
                        path_.string(), name_.empty() ? "" : name_ + ".", key, fault));
    }

    const Json& json_;
    std::filesystem::path path_;
    std::string name_;
};

NetworkCosts read_network(const Reader& json) {
    return {.latency_seconds = json.figure("latency"),
            .overhead_seconds = json.figure("overhead"),
            .seconds_per_byte = json.figure("byte"),
            .far_seconds_per_byte = json.figure("far_byte"),
            .relative_error = json.number("relative_error"),
            .hidden_rate = json.figure("hidden_rate"),
            .slowdown = json.figure("slowdown")};
}

}  // namespace

double far_share(double bytes, double cache_bytes) {
    return bytes <= cache_bytes ? 0.0 : 1.0 - cache_bytes / bytes;
}

Json to_json(const Machine& machine) {
    Json json{{"format", kFormat},
              {"lockstep", kVersion},
              {"cpu", machine.cpu},
              {"host", machine.host},
              {"instruction_set", machine.instruction_set},
              {"arithmetic", machine.arithmetic},
              {"optimizer", machine.optimizer},
              {"threads", machine.threads},
              {"ranks_per_host", machine.ranks_per_host},
              {"cache_bytes", machine.cache_bytes},
              {"noise", machine.noise},
              {"forward", to_json(machine.forward, kPassCosts)},
              {"backward", to_json(machine.backward, kPassCosts)},
              {"update", to_json(machine.update, kUpdateCosts)},
              {"within_host", nullptr},
              {"between_hosts", nullptr}};
    if (machine.host_sum) json["within_host"] = to_json(*machine.host_sum, kHostSumCosts);
    if (machine.network) json["between_hosts"] = to_json(*machine.network);
    return json;
}

Machine read_machine(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file || !std::filesystem::is_regular_file(path)) {
        throw ConfigError(fmt::format(
            "--machine {}: cannot be read; `lockstep bench machine --out FILE` writes it", path.string()));
    }
    Json json;
    try {
        json = parse_json<Json>(std::string{std::istreambuf_iterator<char>(file), {}});
    } catch (const std::runtime_error& error) {
        throw ConfigError(fmt::format("--machine {}: is no JSON: {}", path.string(), error.what()));
    }
    const Reader reader(json, path, "");
    if (reader.text("format") != kFormat) {
        throw ConfigError(fmt::format(R"(--machine {}: its format is "{}", but this program reads "{}")",
                                      path.string(), reader.text("format"), kFormat));
    }
    Machine machine{.cpu = reader.text("cpu"),
                    .host = reader.text("host"),
                    .instruction_set = reader.text("instruction_set"),
                    .arithmetic = reader.text("arithmetic"),
                    .optimizer = reader.text("optimizer"),
                    .threads = reader.count("threads"),
                    .ranks_per_host = reader.count("ranks_per_host"),
                    .cache_bytes = reader.number("cache_bytes"),
                    .forward = reader.costs("forward", kPassCosts),
                    .backward = reader.costs("backward", kPassCosts),
                    .update = reader.costs("update", kUpdateCosts),
                    .noise = reader.number("noise"),
                    .host_sum = std::nullopt,
                    .network = std::nullopt};
    if (reader.has("within_host")) machine.host_sum = reader.costs("within_host", kHostSumCosts);
    if (reader.has("between_hosts")) machine.network = read_network(reader.at("between_hosts"));
    return machine;
}

}  // namespace lockstep
