// What a forecast knows of a machine: the costs that `lockstep bench machine` found, and the file they lie
// in.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/forecast/linear_fit.h"

namespace lockstep {

// The costs of a pass over a layer, of an update, and of a sum within a host, in the order of their counts.
// "Far" is what does not stay in the caches from one step to the next.
inline constexpr std::array<std::string_view, 5> kPassCosts{"layer", "multiply_add", "weight", "far_weight",
                                                            "value"};
inline constexpr std::array<std::string_view, 3> kUpdateCosts{"bucket", "parameter", "far_parameter"};
inline constexpr std::array<std::string_view, 3> kHostSumCosts{"bucket", "value", "far_value"};

/// Between hosts: LogGP (Alexandrov et al., 1995), and what becomes of a computation meanwhile.
struct NetworkCosts {
    Figure latency_seconds{};       ///< L
    Figure overhead_seconds{};      ///< o: of a message on the CPU, at either end
    Figure seconds_per_byte{};      ///< G: of a host's link
    Figure far_seconds_per_byte{};  ///< more for one of a sum that the caches do not hold
    double relative_error = 0.0;    ///< of times worked out by these
    /// The speed of transfers while the CPU computes, relative to when it waits for them.
    Figure hidden_rate{1.0, 0.0};
    /// How much longer a computation takes while transfers go on: 0.1 is a tenth.
    Figure slowdown{};
    bool assumed = false;  ///< not measured

    /// Seconds of a message that both ends wait for, but for its bytes: L + 2 o.
    [[nodiscard]] double message() const { return latency_seconds.value + 2.0 * overhead_seconds.value; }
};

struct Machine {
    std::string cpu{}, host{}, instruction_set{}, arithmetic{}, optimizer{};
    std::size_t threads = 1;              ///< of each rank
    std::size_t ranks_per_host = 1;       ///< that computed at once when the costs were measured
    double cache_bytes = 0.0;             ///< that a rank has, as far as its times show it
    LinearFit forward{};                  ///< of kPassCosts
    LinearFit backward{};                 ///< likewise
    LinearFit update{};                   ///< of kUpdateCosts
    double noise = 0.0;                   ///< standard deviation of a step's computation, relative
    std::optional<LinearFit> host_sum{};  ///< of kHostSumCosts
    std::optional<NetworkCosts> network{};
};

/// The share of `bytes`, used once a step, that the caches have lost until then: 0 where they hold all.
double far_share(double bytes, double cache_bytes);

nlohmann::ordered_json to_json(const Machine& machine);
/// Throws ConfigError that names `path` and what of it is not as to_json writes it.
Machine read_machine(const std::filesystem::path& path);

}  // namespace lockstep
